"""What a node may hold when it is drained, and with which flags: the table that kubectl and this program both walk."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Owner = Literal[
    "", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet", "Job", "Widget", "KruiseDaemonSet",
    "GoneReplicaSet", "GoneDaemonSet",
]  # fmt: skip
State = Literal["ready", "unready", "pending", "succeeded", "failed", "ending", "lingering"]


class PodIn(msgspec.Struct, frozen=True):
    """A pod on the node; `ending` ones are held by a finalizer and never go, `lingering` ones have ten minutes left."""

    role: str
    owner: Owner = "ReplicaSet"
    state: State = "ready"
    volumes: tuple[Literal["emptyDir", "memory", "hostPath"], ...] = ()
    mirror: bool = False
    labels: dict[str, str] = {}


class Scenario(msgspec.Struct, frozen=True):
    """A node, the flags of its drain, and where this program does less than kubectl."""

    name: str
    pods: tuple[PodIn, ...] = ()
    flags: dict[str, Any] = {}
    budgets: tuple[dict[str, Any], ...] = ()
    """Specs of budgets over the pods labelled `guarded`."""
    stays: frozenset[str] = frozenset()
    """Roles that kubectl evicts or asks again and this program does not touch; see `test_like_kubectl`."""


GUARDED = {"guarded": "yes"}
BARE = PodIn("bare", "")
WEB = PodIn("web")
FORCE = {"force": True}
IGNORE = {"ignore_daemonsets": True}
EMPTYDIR = {"delete_emptydir_data": True}
EVERYTHING = FORCE | IGNORE | EMPTYDIR
SCRATCH = PodIn("scratch", volumes=("emptyDir",))
BARE_SCRATCH = PodIn("bare-scratch", "", volumes=("emptyDir",))
AGENT = PodIn("agent", "DaemonSet")
ORPHAN_AGENT = PodIn("orphan", "GoneDaemonSet")
MIRROR = PodIn("static", "", mirror=True)
GUARD = PodIn("guard", labels=GUARDED)
SICK = PodIn("sick", state="unready", labels=GUARDED)
CLOSED = {"maxUnavailable": 0}
BRIEFLY = {"timeout": 4}
MIXED = (WEB, BARE, SCRATCH, AGENT, MIRROR, PodIn("db", "StatefulSet"), PodIn("done", "", "succeeded"))

OWNERS = (
    Scenario("an empty node"),
    Scenario("a replicated pod", (WEB,)),
    Scenario("three replicated pods", (WEB, WEB, WEB)),
    Scenario("a pod of a ReplicationController", (PodIn("rc", "ReplicationController"),)),
    Scenario("a stateful pod", (PodIn("db", "StatefulSet"),)),
    Scenario("a running Job", (PodIn("job", "Job"),)),
    Scenario("a pod of a custom controller", (PodIn("widget", "Widget"),)),
    Scenario(
        "a DaemonSet of another API group is a controller like any", (PodIn("kruise", "KruiseDaemonSet"),)
    ),
    Scenario("a pod whose ReplicaSet is gone", (PodIn("left", "GoneReplicaSet"),)),
    Scenario("a bare pod", (BARE,)),
    Scenario("a bare pod, forced", (BARE,), FORCE),
    Scenario("a bare pod beside a replicated one", (BARE, WEB)),
    Scenario("a bare pod with the wrong flags", (BARE,), IGNORE | EMPTYDIR),
)
LOCAL_DATA = (
    Scenario("emptyDir", (SCRATCH,)),
    Scenario("emptyDir allowed", (SCRATCH,), EMPTYDIR),
    Scenario("emptyDir in memory counts too", (PodIn("memory", volumes=("memory",)),)),
    Scenario("emptyDir of a bare pod, no flag", (BARE_SCRATCH,)),
    Scenario("emptyDir of a bare pod, forced", (BARE_SCRATCH,), FORCE),
    Scenario("emptyDir of a bare pod, data given up", (BARE_SCRATCH,), EMPTYDIR),
    Scenario("emptyDir of a bare pod, both", (BARE_SCRATCH,), FORCE | EMPTYDIR),
    Scenario("hostPath stays on the node and stops nobody", (PodIn("host", volumes=("hostPath",)),)),
)
DAEMONSETS = (
    Scenario("a DaemonSet", (AGENT,)),
    Scenario("a DaemonSet ignored", (AGENT, WEB), IGNORE),
    Scenario(
        "a DaemonSet with emptyDir, ignored", (PodIn("agent", "DaemonSet", volumes=("emptyDir",)),), IGNORE
    ),
    Scenario("force alone does not ignore a DaemonSet", (AGENT,), FORCE),
    Scenario("its DaemonSet is gone", (ORPHAN_AGENT,)),
    Scenario("its DaemonSet is gone, ignoring does not help", (ORPHAN_AGENT,), IGNORE),
    Scenario("its DaemonSet is gone, forced", (ORPHAN_AGENT,), FORCE),
    Scenario(
        "its DaemonSet is gone, emptyDir, forced",
        (PodIn("orphan", "GoneDaemonSet", volumes=("emptyDir",)),),
        FORCE,
    ),
    Scenario(
        "its DaemonSet is gone, emptyDir, both",
        (PodIn("orphan", "GoneDaemonSet", volumes=("emptyDir",)),),
        FORCE | EMPTYDIR,
    ),
    Scenario("its DaemonSet is gone and it has failed", (PodIn("orphan", "GoneDaemonSet", "failed"),)),
)
MIRRORS = (
    Scenario("a mirror pod", (MIRROR,)),
    Scenario("a mirror pod beside a replicated one", (MIRROR, WEB)),
    Scenario("a mirror pod with emptyDir", (PodIn("static", "", mirror=True, volumes=("emptyDir",)),)),
    Scenario("everything at once does not move a mirror pod", (MIRROR,), EVERYTHING),
)
PHASES = (
    Scenario("a bare pod that succeeded", (PodIn("done", "", "succeeded"),)),
    Scenario("a bare pod that failed, with emptyDir", (PodIn("done", "", "failed", ("emptyDir",)),)),
    Scenario("a finished Job", (PodIn("job", "Job", "succeeded"),)),
    Scenario("a replicated pod that failed", (PodIn("web", state="failed"),)),
    Scenario("a pending replicated pod", (PodIn("web", state="pending"),)),
    Scenario("a pending bare pod", (PodIn("bare", "", "pending"),)),
    Scenario("a replicated pod that is not ready", (PodIn("web", state="unready"),)),
    Scenario("a terminating bare pod", (PodIn("bare", "", "ending"),)),
    Scenario(
        "a terminating bare pod that never goes, forced",
        (PodIn("bare", "", "ending"),),
        FORCE | BRIEFLY,
        stays=frozenset({"bare"}),
    ),
    Scenario(
        "a terminating replicated pod that never goes",
        (PodIn("web", state="ending"),),
        BRIEFLY,
        stays=frozenset({"web"}),
    ),
    Scenario("a terminating pod is hurried on", (PodIn("web", state="lingering"),), {"grace_period": 0}),
    Scenario(
        "a terminating pod is hurried on, deleting",
        (PodIn("web", state="lingering"),),
        {"grace_period": 0, "disable_eviction": True},
    ),
    Scenario(
        "a stuck pod is skipped",
        (PodIn("web", state="ending"), PodIn("bare", "", "ending")),
        {"skip_wait_for_delete_timeout": 1},
    ),
    Scenario(
        "a terminating pod is not skipped early",
        (PodIn("bare", "", "ending"),),
        {"skip_wait_for_delete_timeout": 900},
    ),
)
FLAGS = (
    Scenario("everything and no flag", MIXED),
    Scenario("everything and each flag", MIXED, EVERYTHING),
    Scenario("everything and all flags but force", MIXED, IGNORE | EMPTYDIR),
    Scenario("a pod selector", (PodIn("web", labels={"go": "yes"}), BARE), {"pod_selector": "go=yes"}),
    Scenario("a pod selector that matches nothing", (WEB, BARE), {"pod_selector": "go=yes"}),
    Scenario(
        "an inequality as pod selector", (PodIn("web", labels={"go": "no"}), AGENT), {"pod_selector": "go=no"}
    ),
    Scenario("no grace", (WEB,), {"grace_period": 0}),
    Scenario("some grace", (WEB,), {"grace_period": 7}),
    Scenario("deleting instead of evicting", (WEB,), {"disable_eviction": True}),
    Scenario("deleting a bare pod", (BARE,), FORCE | {"disable_eviction": True}),
    Scenario("deleting with grace", (WEB,), {"disable_eviction": True, "grace_period": 5}),
    Scenario("pages of one pod", (WEB, WEB, BARE), FORCE | {"chunk_size": 1}),
)
BUDGETS = (
    Scenario("a budget with room", (GUARD,), {}, ({"maxUnavailable": 1},)),
    Scenario("a budget that never opens", (GUARD,), BRIEFLY, (CLOSED,)),
    Scenario(
        "a budget that never opens, beside a free pod",
        (GUARD, WEB),
        BRIEFLY,
        (CLOSED,),
        stays=frozenset({"web"}),
    ),
    Scenario("a closed budget, deleting", (GUARD,), {"disable_eviction": True}, (CLOSED,)),
    Scenario("two budgets", (GUARD,), BRIEFLY, ({"maxUnavailable": 1}, {"minAvailable": 0})),
    Scenario("two budgets, deleting", (GUARD,), {"disable_eviction": True}, (CLOSED, CLOSED)),
    Scenario(
        "a closed budget and a pending pod", (PodIn("p", state="pending", labels=GUARDED),), {}, (CLOSED,)
    ),
    Scenario("a closed budget and a failed pod", (PodIn("p", "", "failed", labels=GUARDED),), {}, (CLOSED,)),
    Scenario("a closed budget and a sick pod", (SICK,), BRIEFLY, (CLOSED,)),
    Scenario(
        "a closed budget and a sick pod always allowed",
        (SICK,),
        {},
        (CLOSED | {"unhealthyPodEvictionPolicy": "AlwaysAllow"},),
    ),
    Scenario(
        "a sick pod goes and the well one stays",
        (SICK, PodIn("well", labels=GUARDED)),
        BRIEFLY,
        ({"minAvailable": 1},),
    ),
    Scenario(
        "a budget over a Job cannot be computed", (PodIn("job", "Job", labels=GUARDED),), BRIEFLY, (CLOSED,)
    ),
)
SCENARIOS = BUDGETS + OWNERS + LOCAL_DATA + DAEMONSETS + MIRRORS + PHASES + FLAGS
