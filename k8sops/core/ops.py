"""`Ops`: all that a door ever sees of the program. Implemented by `k8sops.service`.

Nothing here waits for the store in order to read the cluster, and nothing a door is given can change either behind the
engine's back.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from k8sops.core.actor import Actor, Identity
    from k8sops.core.events import Event
    from k8sops.core.log_selection import LogFollow, LogSelection, LogSpan
    from k8sops.core.logs import LogEntry, LogWanted
    from k8sops.core.ops_reading import OpsReading
    from k8sops.core.ops_records import OpsRecords
    from k8sops.core.overview import Diagnosis, Overview
    from k8sops.core.plan import ClusterInfo, JsonObject
    from k8sops.core.ports import Resource
    from k8sops.core.run import Run, RunFilter, RunId, RunSummary, Settlement, Vote
    from k8sops.core.sessions import Sessions
    from k8sops.core.tables import LiveRows, Table, TableQuery


class Ops(Protocol):
    """All that a door ever sees."""

    @property
    def cluster_info(self) -> ClusterInfo:
        """The cluster every call goes to, pinned at start."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether every change is refused here, by configuration or policy."""
        ...

    @property
    def default_namespace(self) -> str:
        """Where commands act when no namespace is given."""
        ...

    async def preview(
        self, action: str, params: Mapping[str, Any], actor: Actor, *, reason: str = "", digest: str = ""
    ) -> Run:
        """Validate, plan, and ask policy; nothing is stored and the run cannot be started.

        With `digest`, only the plan that was reviewed: raises as `propose` does.
        """
        ...

    async def refusals(
        self,
        kind: str,
        namespace: str,
        actions: Sequence[str],
        *,
        names: Sequence[str] = (),
        actor: Actor | None = None,
    ) -> dict[str, str]:
        """Why each of these actions would be refused on objects of a kind, as far as is known before a plan.

        With `actor`, by policy too, for the objects of these `names`.
        """
        ...

    async def propose(
        self,
        action: str,
        params: Mapping[str, Any],
        actor: Actor,
        *,
        reason: str = "",
        hold: bool = False,
        digest: str = "",
        run_id: RunId = "",
    ) -> Run:
        """Validate, plan, ask policy, and put on record. With `digest`, only the plan that was reviewed.

        `run_id` is an id that the caller keeps, so that asking again after a crash is not asking twice: where there is
        such a run already, it is returned.

        Raises UsageError, DriftedError where the digest is another, and what planning raises. Changes nothing.
        """
        ...

    async def drift(self, run: RunId) -> tuple[str, ...]:
        """What has changed on the cluster since the run's plan was made, a sentence each: it would void the plan."""
        ...

    async def approval_refused(self, run: RunId, actor: Actor) -> str:
        """Why the actor's approval of the run would not count; empty where it would."""
        ...

    async def unproposed(self, run: RunId) -> str:
        """Why, by what is signed, the run is not what its requester asked for: no yes to it is signed then.

        One sentence; empty where it is, and where nothing is signed.
        """
        ...

    async def decide(self, run: RunId, vote: Vote, actor: Actor) -> Run:
        """Record a vote on the digest. `progress.waiting_for` tells where nobody alive may carry what is queued."""
        ...

    async def start(
        self, run: RunId, actor: Actor, *, break_glass: str = "", carry: bool = True, seen: str = ""
    ) -> Run:
        """Queue the run for execution, and carry it here; `break_glass` is the reason for going round approvals.

        `seen` is the digest of the plan that was confirmed, where another process may have shown it.

        One's own run that is queued already is only carried. `progress.waiting_for` as in `decide`.

        Raises BlockedError, ApprovalPendingError, DeniedError, TargetLockedError, AlreadyDecidedError. A plan that has
        drifted ends the run as void, which is told by its events.
        """
        ...

    async def carry(self, run: RunId) -> None:
        """Carry the run in this process as soon as it is queued, unless another carrier is quicker."""
        ...

    @property
    def carried_here(self) -> tuple[RunId, ...]:
        """The runs that this process was asked to carry, ended or not."""
        ...

    async def leave_behind(self) -> str:
        """Hand what is carried here to a worker in the background; returns one sentence with its pid."""
        ...

    async def cancel(self, run: RunId, actor: Actor, why: str) -> Run:
        """Stop within a step; the run says what was done and what was not. Waits until it has."""
        ...

    async def resume(self, run: RunId, how: Settlement, actor: Actor) -> Run:
        """Settle a run that needs review. Raises AlreadyDecidedError, DeniedError."""
        ...

    async def undo(self, run: RunId, actor: Actor, *, reason: str = "", run_id: RunId = "") -> Run:
        """Propose what would take the run's done steps back: a new plan. Raises UsageError where there is none.

        `run_id` as in `propose`.
        """
        ...

    async def get_run(self, run: RunId) -> Run:
        """A run as it stands. Any unique prefix of six or more characters is accepted."""
        ...

    async def runs(self, wanted: RunFilter) -> tuple[RunSummary, ...]:
        """A page of runs, newest first."""
        ...

    def watch(self, run: RunId, *, after: int = 0) -> AsyncGenerator[Event, None]:
        """Events with seq > `after`, as they are stored, from any process; ends when the run has."""
        ...

    async def sign_in(self) -> None:
        """Run the credential plugin on the terminal, which the caller has freed, and go on with what it gives.

        Raises CredentialsError, and UsageError where there is no plugin.
        """
        ...

    async def records(self) -> OpsRecords:
        """Schedules, backups, the audit trail, policy and settings."""
        ...

    async def whoami(self) -> Identity:
        """Who the cluster says we are."""
        ...

    def overview(self) -> AsyncGenerator[Overview, None]:
        """The cluster at a glance, again whenever it may have changed, until it is closed.

        Parts that may not be read, or do not answer, say so by themselves.
        """
        ...

    async def diagnose(self, kind: str, name: str, namespace: str = "") -> Diagnosis:
        """Why one object is in trouble, and what that rests on. Raises NotFoundError, ForbiddenError."""
        ...

    async def kinds(self) -> tuple[Resource, ...]:
        """Every resource the cluster serves, once, in its preferred version. Raises what asking the cluster raises."""
        ...

    async def table(self, query: TableQuery) -> Table:
        """A one-shot table."""
        ...

    async def rows(self, query: TableQuery) -> LiveRows:
        """A table that keeps itself true."""
        ...

    async def browse(self, query: TableQuery) -> LiveRows:
        """The same as a desk shows it: beside pods and nodes what they use, ask for and have to give.

        Takes several namespaces, separated by commas; kind `containers` with the name of a pod lists what runs in it.
        """
        ...

    async def object(self, kind: str, name: str, namespace: str = "") -> JsonObject:
        """One whole object."""
        ...

    async def reading(self) -> OpsReading:
        """Reading that takes more than one request, or goes on record."""
        ...

    def objects(self, query: TableQuery) -> AsyncGenerator[JsonObject, None]:
        """Whole objects."""
        ...

    def logs(self, wanted: LogWanted) -> AsyncGenerator[Sequence[LogEntry], None]:
        """Lines of containers in batches, what there is in order of time, then what comes; close it to stop.

        Raises NotFoundError, ForbiddenError, UsageError where a kind selects no pods.
        """
        ...

    def follow(self, selection: LogSelection, span: LogSpan) -> LogFollow:
        """Lines of everything that is selected; asks the cluster nothing before `batches` is iterated."""
        ...

    @property
    def sessions(self) -> Sessions:
        """Shells, attachments, debug containers, forwarded ports, copies."""
        ...
