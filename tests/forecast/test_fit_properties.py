"""What must hold of every preview, tried on random clusters against a naive scheduler of the tests' own."""

from __future__ import annotations

import random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from k8sops.forecast.fit import preview
from k8sops.forecast.scene import Scene
from tests.forecast.naive_scheduler import Naive, adversary
from tests.forecast.random_worlds import random_world

SEEDS = st.integers(min_value=0, max_value=2**32)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.randoms(use_true_random=False))
def test_what_fits_has_a_place_whatever_an_adversary_does(seed: int, rng: random.Random) -> None:
    """Order and landing of other pods are not ours to choose, so a promise may not rest on them."""
    world, leaving, moving = random_world(seed)
    promised = {one.pod for one in preview(world, leaving=leaving, moving=moving) if one.verdict == "fits"}
    for _ in range(3):
        pending = adversary(Naive(world, leaving, moving), moving, rng)
        assert not promised & pending


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_each_node_is_judged_as_the_naive_scheduler_judges_it(seed: int) -> None:
    """One filter that is wrong makes every verdict on top of it wrong."""
    world, leaving, moving = random_world(seed)
    scene, naive = Scene(world, leaving, moving, frozenset()), Naive(world, leaving, moving)
    occupancy = scene.occupancy()
    for pod in moving:
        refused = occupancy.reasons(scene.shaper.shape(pod))
        assert {node.name for node in world.nodes} - refused.keys() == set(naive.feasible(pod)), (
            pod.key,
            refused,
        )


@settings(max_examples=25, deadline=None)
@given(SEEDS)
@example(10902406)
def test_the_landing_is_a_node_that_really_takes_the_pod(seed: int) -> None:
    """A landing that the filters forbid would be shown to an administrator as a plan."""
    world, leaving, moving = random_world(seed)
    fits = preview(world, leaving=leaving, moving=moving)
    assert [one.pod for one in fits] == [pod.key for pod in moving]
    for one in fits:
        assert (one.node == "") == (one.verdict == "does_not_fit")
        assert one.node not in leaving
        assert one.node not in one.reasons or any("preempting" in note for note in one.notes)
        if one.verdict == "does_not_fit":
            assert one.reasons.keys() == {node.name for node in world.nodes}


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.randoms(use_true_random=False))
def test_a_promise_does_not_depend_on_the_order_given(seed: int, rng: random.Random) -> None:
    """The verdict *fits* is of the pod, not of the list it stood in."""
    world, leaving, moving = random_world(seed)
    first = {one.pod for one in preview(world, leaving=leaving, moving=moving) if one.verdict == "fits"}
    rng.shuffle(moving)
    assert first == {
        one.pod for one in preview(world, leaving=leaving, moving=moving) if one.verdict == "fits"
    }
