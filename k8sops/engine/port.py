"""The seams of the engine: who carries runs, which actions it knows, how it reaches clusters, what policy answers.

A carrier executes queued runs. What a run is stands in the store; a carrier adds nothing to it, so that an established
distributed engine can take the embedded one's place: steps are its activities, pauses and waits its timers, signals
and cancels its signals.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.params import Params
from k8sops.core.plan import Decision, Plan
from k8sops.core.ports import Action, Cluster, ClusterReader
from k8sops.core.run import Approval, Run, RunId

Gate = Callable[[], Awaitable[None]]
"""Asked before each mutation; raises Fenced where it must not go out."""


class Carrier(Protocol):
    """Executes queued runs until it is closed."""

    async def serve(self) -> None:
        """Claim and carry until `aclose`; survives a store that is away for a while."""
        ...

    def wake(self) -> None:
        """Something may be ready: look now rather than at the next round."""
        ...

    @property
    def carrying(self) -> tuple[RunId, ...]:
        """The runs in its hands."""
        ...

    async def aclose(self, *, grace_s: float) -> None:
        """Stop claiming; let runs end within `grace_s` seconds, then hand them over before their next step."""
        ...


class KnownAction(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine needs of an action's declaration."""

    name: str
    version: int
    idempotent: bool
    policy_key: str


class ActionBook(Protocol):
    """The actions this process knows."""

    def known(self) -> tuple[KnownAction, ...]:
        """All of them."""
        ...

    def named(self, name: str) -> KnownAction:
        """One. Raises UsageError."""
        ...

    def load(self, name: str) -> Action[Any]:
        """The action itself."""
        ...

    def params(self, name: str, values: dict[str, Any]) -> Params:
        """Validated Params. Raises UsageError."""
        ...


class Clusters(Protocol):
    """The clusters a carrier can reach, and as whom."""

    def reader(self, cluster_uid: str) -> ClusterReader:
        """For planning again."""
        ...

    async def writer(self, cluster_uid: str, run: RunId, execute_as: str, gate: Gate) -> Cluster:
        """For carrying out: requests name the run, and `gate` is asked before each mutation."""
        ...


class Grants(Protocol):
    """The time-boxed grants that runs rest on instead of approvals of their own."""

    async def carry_refused(self, run: Run) -> str:
        """Why the run may no longer rest on its grant; empty where it may."""
        ...


class Rules(Protocol):
    """What policy answers the engine; made from the policy file of this process."""

    @property
    def version(self) -> str:
        """The version in force."""
        ...

    def person_of(self, actor: Actor, cluster_uid: str) -> str:
        """The person behind an actor; empty where nobody is mapped."""
        ...

    def decide(self, plan: Plan, actor: Actor, *, schedule: str = "", emergency: bool = False) -> Decision:
        """What becomes of this plan."""
        ...

    def reason_refused(self, decision: Decision, reason: str) -> str:
        """Why the reason is not what policy wants; empty where it is."""
        ...

    def vote_refused(self, run: Run, actor: Actor) -> str:
        """Why this actor's vote cannot count on this run; empty where it can."""
        ...

    def counts_for_more(self, run: Run, actor: Actor, earlier: Approval) -> bool:
        """Whether an approval of this actor adds to the earlier one of the same person."""
        ...

    def quorum_reached(self, run: Run, approvals: tuple[Approval, ...]) -> tuple[bool, str]:
        """Whether the approvals suffice, and what is missing, in a sentence."""
        ...

    def break_glass_refused(self, run: Run, actor: Actor) -> str:
        """Why this actor may not break the glass; empty where they may."""
        ...

    def resume_refused(self, run: Run, actor: Actor) -> str:
        """Why this actor may not settle the run; empty where they may."""
        ...

    def most_at_once(self, cluster_uid: str) -> int:
        """How many runs may go on this cluster at once."""
        ...

    def carry_refused(self, run: Run) -> str:
        """Why this process must not carry the run, by its own policy file; empty where it may."""
        ...
