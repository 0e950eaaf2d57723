"""Verdicts one by one: what `test_like_kubectl` cannot show, since kubectl says less or needs hours to say it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.actions.drain.verdicts import (
    MIRROR_ANNOTATION,
    DrainFlags,
    Verdict,
    daemonset_of,
    judge,
    owner_of,
)
from k8sops.cluster.structs import OwnerReference
from k8sops.forecast.objects import FullMeta, Pod, PodSpec, PodStatus, Volume

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SCRATCH = (Volume(name="scratch", empty_dir={}),)
NO_FLAGS = DrainFlags()
ALL_FLAGS = DrainFlags(ignore_daemonsets=True, delete_emptydir_data=True, force=True)


def pod(
    owner: str = "ReplicaSet",
    *,
    api: str = "apps/v1",
    phase: str = "Running",
    volumes: tuple[Volume, ...] = (),
    mirror: bool = False,
    ended: timedelta | None = None,
) -> Pod:
    """A pod; `ended` is how long ago its grace period was over."""
    references = (OwnerReference(kind=owner, name="own", uid="own", api_version=api, controller=True),)
    return Pod(
        metadata=FullMeta(
            name="web-1",
            namespace="shop",
            uid="web-1",
            annotations={MIRROR_ANNOTATION: "x"} if mirror else {},
            owner_references=references if owner else (),
            deletion_timestamp=None if ended is None else NOW - ended,
        ),
        spec=PodSpec(volumes=volumes),
        status=PodStatus(phase=phase),
    )


def verdict(one: Pod, flags: DrainFlags = NO_FLAGS, *, exists: bool | None = True) -> Verdict:
    """Judge it at noon."""
    return judge(one, flags, now=NOW, daemonset_exists=exists)


def test_every_missing_flag_is_named_at_once() -> None:
    """kubectl names the first; the second one is found out after the next try."""
    found = verdict(pod("", volumes=SCRATCH))
    assert found.flags == ("--delete-emptydir-data", "--force")
    assert found.flag == "--delete-emptydir-data"
    assert [note.code for note in found.notes] == ["emptydir_data", "no_controller"]
    assert "scratch" in found.messages[0]


def test_a_warning_about_lost_data_is_not_lost_behind_the_next() -> None:
    """kubectl keeps the last filter's message only."""
    found = verdict(pod("", volumes=SCRATCH), ALL_FLAGS)
    assert found.verb == "evict"
    assert len(found.messages) == 2
    assert found.flags == ()


def test_a_daemonset_that_could_not_be_read_refuses_and_no_flag_helps() -> None:
    """kubectl passes the API server's error on, under --force too."""
    found = verdict(pod("DaemonSet"), ALL_FLAGS, exists=None)
    assert (found.verb, found.flags) == ("refuse", ())


def test_an_orphan_of_a_daemonset_is_told_apart_from_one_that_stays() -> None:
    """With --ignore-daemonsets the one stays, the other still needs --force."""
    ignoring = DrainFlags(ignore_daemonsets=True)
    assert (verdict(pod("DaemonSet"), ignoring).verb, verdict(pod("DaemonSet"), ignoring).group) == (
        "keep",
        "daemonset",
    )
    orphan = verdict(pod("DaemonSet"), ignoring, exists=False)
    assert (orphan.verb, orphan.group, orphan.flags) == ("refuse", "orphan", ("--force",))


def test_a_mirror_pod_that_claims_a_daemonset_is_asked_about_the_daemonset_first() -> None:
    """The order of kubectl's filters shows here."""
    assert verdict(pod("DaemonSet", mirror=True)).flags == ("--ignore-daemonsets",)
    assert verdict(pod("DaemonSet", mirror=True), DrainFlags(force=True), exists=False).verb == "keep"


@pytest.mark.parametrize(
    ("limit_s", "ended", "verb"),
    [
        (0, timedelta(days=1), "evict"),
        (60, timedelta(seconds=-30), "evict"),
        (60, timedelta(seconds=60.9), "evict"),
        (60, timedelta(seconds=61), "keep"),
    ],
)
def test_a_stuck_pod_is_skipped_after_whole_seconds_past_its_grace(
    limit_s: int, ended: timedelta, verb: str
) -> None:
    """The deletion timestamp is the end of the grace period, so it may lie ahead."""
    found = verdict(pod(ended=ended), DrainFlags(skip_wait_for_delete_timeout_s=limit_s))
    assert (found.verb, found.group) == (verb, "terminating")


@pytest.mark.parametrize(
    ("one", "owner"),
    [
        (pod("ReplicationController", api="v1"), "replicated"),
        (pod("Job", api="batch/v1"), "job"),
        (pod("StatefulSet", ended=timedelta(0)), "stateful"),
        (pod("StatefulSet", api="apps.kruise.io/v1beta1"), "custom"),
        (pod("DaemonSet", api="extensions/v1beta1"), "custom"),
        (pod("Node", api="v1", mirror=True), "mirror"),
        (pod("", phase="Succeeded"), "bare"),
    ],
)
def test_the_owner_is_the_same_whatever_state_the_pod_is_in(one: Pod, owner: str) -> None:
    """Plans count pods by owner, so that a pod which ends or finishes meanwhile voids none."""
    assert owner_of(one) == verdict(one).owner == owner


def test_a_daemonset_of_another_group_is_evicted_with_a_word_of_warning() -> None:
    """kubectl knows apps/v1 alone; the other controller may put the pod back for ever."""
    found = verdict(pod("DaemonSet", api="apps.kruise.io/v1alpha1"))
    assert found.verb == "evict"
    assert [note.code for note in found.notes] == ["foreign_daemonset"]


pods = st.builds(
    pod,
    st.sampled_from(["", "ReplicaSet", "DaemonSet", "Job"]),
    phase=st.sampled_from(["Running", "Pending", "Succeeded", "Failed", "Unknown"]),
    volumes=st.sampled_from([(), SCRATCH]),
    mirror=st.booleans(),
    ended=st.sampled_from([None, timedelta(seconds=-5), timedelta(minutes=5)]),
)
flag_sets = st.builds(
    DrainFlags,
    ignore_daemonsets=st.booleans(),
    delete_emptydir_data=st.booleans(),
    force=st.booleans(),
    skip_wait_for_delete_timeout_s=st.sampled_from([0, 60]),
)


def _kubectl(one: Pod, flags: DrainFlags, exists: bool) -> str:
    """kubectl's filters one after another: the first that answers decides."""
    wait_s, deletion = flags.skip_wait_for_delete_timeout_s, one.metadata.deletion_timestamp
    finished = one.status.phase in {"Succeeded", "Failed"}
    kinds = [reference.kind for reference in one.metadata.owner_references]
    of_daemonset = "DaemonSet" in kinds and not finished
    answers = (
        (deletion and wait_s and (NOW - deletion).total_seconds() > wait_s, "keep"),
        (of_daemonset and exists, "keep" if flags.ignore_daemonsets else "refuse"),
        (of_daemonset and not exists and not flags.force, "refuse"),
        (one.metadata.annotations, "keep"),
        (one.spec.volumes and not finished and not flags.delete_emptydir_data, "refuse"),
        (not kinds and not finished and not flags.force, "refuse"),
        (True, "evict"),
    )
    return next(verb for holds, verb in answers if holds)


@settings(max_examples=400)
@given(pods, flag_sets, st.booleans())
def test_for_every_pod_and_flag_the_verdict_is_kubectls(one: Pod, flags: DrainFlags, exists: bool) -> None:
    """All combinations, where the sandbox shows the telling ones."""
    assert verdict(one, flags, exists=exists).verb == _kubectl(one, flags, exists)


@settings(max_examples=200)
@given(pods, flag_sets, st.booleans())
def test_the_flags_a_refusal_names_are_enough(one: Pod, flags: DrainFlags, exists: bool) -> None:
    """Whoever gives what was asked for is not asked for more."""
    found = verdict(one, flags, exists=exists)
    asked: dict[str, Any] = {flag.removeprefix("--").replace("-", "_"): True for flag in found.flags}
    given_now = {name: getattr(flags, name) for name in DrainFlags.__struct_fields__} | asked
    assert (found.verb == "refuse") == bool(found.flags)
    assert verdict(one, DrainFlags(**given_now), exists=exists).verb != "refuse"


def test_a_finished_pod_has_no_daemonset_to_look_for() -> None:
    """The request for it would be for nothing."""
    assert daemonset_of(pod("DaemonSet", phase="Failed")) == ""
    assert daemonset_of(pod("DaemonSet")) == "own"
