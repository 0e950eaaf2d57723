"""Waves that budgets allow: whatever the pods, no budget is ever broken, and no order beats the bound."""

from __future__ import annotations

from itertools import permutations
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.forecast.budgets import Ledger
from k8sops.forecast.budgets_counting import Scale
from k8sops.forecast.budgets_waves import Move, Waves, forecast_waves
from k8sops.forecast.objects import Budget, Pod
from tests.forecast.budget_cases import budget, pod

rules = st.one_of(
    st.fixed_dictionaries({"least": st.integers(0, 5)}),
    st.fixed_dictionaries({"away": st.integers(0, 5)}),
    st.fixed_dictionaries({"least": st.sampled_from(["0%", "30%", "50%", "100%"])}),
    st.fixed_dictionaries({"away": st.sampled_from(["0%", "30%", "50%", "100%"])}),
)
policies: st.SearchStrategy[Literal["IfHealthyBudget", "AlwaysAllow"]] = st.sampled_from(
    ["IfHealthyBudget", "IfHealthyBudget", "AlwaysAllow"]
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Budget], list[Pod], dict[str, Scale], list[Move]]:
    """Two workloads and some bare pods under budgets of any kind; any part of them is to go."""
    budgets, pods, scales, moves = [], [], {}, []
    for app in ("web", "db"):
        uids = []
        for place in range(draw(st.integers(1, 6))):
            bare = draw(st.integers(0, 5)) == 0
            made = pod(
                f"{app}-{place}",
                app=app,
                owner="" if bare else app,
                ready=draw(st.integers(0, 4)) > 0,
                phase=draw(st.sampled_from(["Running"] * 5 + ["Pending", "Failed"])),
                ending=draw(st.integers(0, 9)) == 0,
            )
            uids.append(made)
            if draw(st.booleans()):
                back = None if bare else float(draw(st.integers(1, 60)))
                moves.append(Move(made, float(draw(st.integers(0, 30))), back))
        pods += uids
        scales[app] = Scale(app, len(uids))
        for name in ("one", "two")[: draw(st.sampled_from([0, 1, 1, 1, 1, 2]))]:
            policy = draw(policies)
            budgets.append(budget(f"{app}-{name}", app=app, unhealthy=policy, **draw(rules)))
    return budgets, pods, scales, moves


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_in_the_order_foretold_every_eviction_would_be_granted(
    world: tuple[list[Budget], list[Pod], dict[str, Scale], list[Move]],
) -> None:
    """Played back against a fresh ledger, time after time; what never goes is still refused at the end."""
    budgets, pods, scales, moves = world
    waves = forecast_waves(Ledger.of(budgets, pods, scales), moves)
    book = Ledger.of(budgets, pods, scales)
    happenings: list[tuple[float, int, Move]] = []
    for move, going in zip(moves, waves.goings, strict=True):
        assert (going.wave == 0) == bool(going.blocked)
        if going.wave:
            happenings.append((going.at_s, 1, move))
            if move.back_s is not None:
                happenings.append((going.at_s + move.back_s, 0, move))
    for _, evicts, move in sorted(happenings, key=lambda one: (one[0], one[1], move_order(one[2]))):
        if evicts:
            assert book.blocked_by(move.pod) == ()
            book.evict(move.pod)
        else:
            book.replaced(move.pod)
    for move, going in zip(moves, waves.goings, strict=True):
        assert going.wave or book.blocked_by(move.pod) == going.blocked


def move_order(move: Move) -> tuple[bool, bool]:
    """What is not ready asks first, as in the forecast."""
    return move.pod.ready, move.back_s is None


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_the_bound_is_never_above_the_forecast(
    world: tuple[list[Budget], list[Pod], dict[str, Scale], list[Move]],
) -> None:
    """A bound that a real order beats would be no bound."""
    budgets, pods, scales, moves = world
    able = [
        move
        for move, going in zip(
            moves, forecast_waves(Ledger.of(budgets, pods, scales), moves).goings, strict=True
        )
        if going.wave
    ]
    waves = forecast_waves(Ledger.of(budgets, pods, scales), able)
    assert waves.lower_bound_s <= waves.seconds + 1e-9


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 4), st.integers(0, 5))
def test_no_order_of_a_few_pods_is_faster_than_the_bound(backs: list[int], slots: int, leaves: int) -> None:
    """Every order tried; with equal times the forecast is the best there is."""
    pods = [pod(f"p{place}") for place in range(len(backs))]
    moves = [Move(one, float(leaves), float(back)) for one, back in zip(pods, backs, strict=True)]
    book = Ledger.of([budget(away=slots)], pods, {"web-1": Scale("web", len(pods))})
    waves = forecast_waves(book, moves)
    best = min(_takes(order, slots, leaves) for order in permutations(backs))
    assert waves.lower_bound_s <= best <= waves.seconds
    if len(set(backs)) == 1:
        assert waves.lower_bound_s == best == waves.seconds


def _takes(order: tuple[int, ...], slots: int, leaves: int) -> float:
    free = [0.0] * slots
    last = 0.0
    for back in order:
        free.sort()
        last = max(last, free[0] + leaves)
        free[0] += back
    return last


def _pool(away: int) -> Waves:
    pods = [pod(f"p{place}") for place in range(6)]
    moves = [Move(one, 30.0, 31.0) for one in pods]
    return forecast_waves(Ledger.of([budget(away=away)], pods, {"web-1": Scale("web", 6)}), moves)


def test_six_pods_two_at_a_time_take_three_waves() -> None:
    """The sentence a plan tells: which wave, when, and which budget makes it take so long."""
    waves = _pool(2)
    assert [going.wave for going in waves.goings] == [1, 1, 2, 2, 3, 3]
    assert (waves.waves, waves.seconds, waves.lower_bound_s) == (3, 92.0, 92.0)
    assert waves.limited_by == "shop/web"


def test_where_no_budget_makes_anything_wait_none_is_blamed() -> None:
    """The grace period alone is the time then."""
    waves = _pool(6)
    assert (waves.waves, waves.lower_bound_s, waves.limited_by) == (1, 30.0, "")


def test_a_bare_pod_goes_last_so_that_it_holds_up_no_other() -> None:
    """It never gives its slot back; first in line it would block the rest for good."""
    pods = [pod("bare", owner=""), pod("a"), pod("b")]
    moves = [Move(pods[0], 1.0, None), Move(pods[1], 1.0, 5.0), Move(pods[2], 1.0, 5.0)]
    waves = forecast_waves(Ledger.of([budget(least=2)], pods, {"web-1": Scale("web", 2)}), moves)
    assert [going.at_s for going in waves.goings] == [10.0, 0.0, 5.0]


def test_a_thousand_pods_behind_one_slot_are_forecast_at_once() -> None:
    """A plan of a whole pool must not take minutes to think."""
    pods = [pod(f"p{place}") for place in range(1000)]
    moves = [Move(one, 1.0, 1.0) for one in pods]
    waves = forecast_waves(Ledger.of([budget(away=1)], pods, {"web-1": Scale("web", 1000)}), moves)
    assert waves.waves == 1000
