"""The seams below the service: what an action may ask of a cluster, and what an action is.

`ClusterReader` cannot change anything, by type: a planner that calls a mutation does not pass mypy. `Cluster` adds
the mutations. Implementations live in `k8sops.cluster` and `k8sops.actions`; what doors hold is `core.ops`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar

import msgspec

from k8sops.core.plan import ClusterInfo, JsonObject, Plan

if TYPE_CHECKING:
    from k8sops.core.actor import Identity
    from k8sops.core.clock import Clock
    from k8sops.core.journal import Journal
    from k8sops.core.params import Params
    from k8sops.core.raw import CommandResult, RawChange, RawObject, RawPage
    from k8sops.core.tables import LiveRows, Table, TableQuery

T = TypeVar("T")
P_contra = TypeVar("P_contra", bound="Params", contravariant=True)

PatchType = Literal["json", "merge", "strategic"]


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A resource the API server serves, as discovery found it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()

    @property
    def qualified(self) -> str:
        """`plural.group`, or the bare plural in the core group: the spelling used in plans and messages."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        """`group/version`, or the bare version in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version


class ScaleView(msgspec.Struct, frozen=True, kw_only=True):
    """The scale subresource (autoscaling/v1) of an object."""

    name: str
    namespace: str
    uid: str
    resource_version: str
    spec_replicas: int
    status_replicas: int
    selector: str = ""


class WatchEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A change as the API server tells it. `synced` is the reflector's own: the first full state has been given.

    A reconnect never repeats what was already said: after a re-list only real differences come.
    """

    type: Literal["added", "modified", "deleted", "synced", "lost", "recovered"]
    object: JsonObject = {}
    message: str = ""
    """For `lost` and `recovered`: one sentence on the connection."""


class AccessRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A question to SelfSubjectAccessReview or SubjectAccessReview."""

    verb: str
    resource: str
    group: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""


class AccessAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the API server would allow it, and why."""

    allowed: bool
    reason: str = ""


class DiscoveryGap(msgspec.Struct, frozen=True, kw_only=True):
    """A group version that could not be discovered: its kinds are unknown, not absent."""

    group_version: str
    message: str


class ClusterReader(Protocol):
    """A cluster as a planner sees it: reads and dry runs, every call with a deadline.

    Objects are plain JSON dictionaries; `list_as` decodes straight to a msgspec struct naming only the needed fields.
    """

    @property
    def info(self) -> ClusterInfo:
        """The cluster this is, pinned when the connection was opened."""
        ...

    async def whoami(self) -> Identity:
        """Who the API server says the credentials belong to."""
        ...

    async def server_version(self) -> str:
        """The server's gitVersion, e.g. `v1.36.3`."""
        ...

    async def resource(self, kind: str) -> Resource:
        """Resolve a kind as typed. Raises UnknownKindError or AmbiguousKindError."""
        ...

    async def resources(self) -> tuple[Resource, ...]:
        """Everything discovery found."""
        ...

    async def discovery_gaps(self) -> tuple[DiscoveryGap, ...]:
        """Groups that could not be discovered."""
        ...

    async def get(self, resource: Resource, name: str, namespace: str = "") -> JsonObject:
        """One object. Raises NotFoundError, ForbiddenError."""
        ...

    def list(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncGenerator[JsonObject, None]:
        """All objects, page by page of one consistent list."""
        ...

    def list_as(
        self,
        item: type[T],
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        page_size: int = 500,
    ) -> AsyncGenerator[T, None]:
        """The same, decoded to `item`; `page_size` is the most objects of one request."""
        ...

    async def served(self, *, anew: bool = False) -> tuple[Resource, ...]:
        """Every resource in every version served, those of one kind in the server's order: the preferred one first.

        What was told minutes ago serves most; `anew` asks again, for whoever must miss none.
        """
        ...

    def pages(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        metadata_only: bool = False,
        with_data: bool = True,
        label_selector: str = "",
        page_size: int = 500,
        at_most: int = 0,
    ) -> AsyncGenerator[RawPage, None]:
        """The pages of one consistent list, objects undecoded; `at_most` so many pages, 0 for all.

        With `metadata_only` the server sends no more than that, where it can. Without `with_data` objects come
        without their bytes, which is less work where only what tells them from others is wanted.
        """
        ...

    def changes(
        self, resource: Resource, namespace: str = "", *, since: str, label_selector: str = ""
    ) -> AsyncGenerator[RawChange, None]:
        """What happens after a list's resourceVersion, until the server ends it. Raises GoneError if too old."""
        ...

    async def raw(
        self, resource: Resource, name: str, namespace: str = "", *, not_older_than: str = ""
    ) -> RawObject:
        """One object, undecoded, as it is now; or as it was at that resourceVersion of a list, or at any time since.

        Raises NotFoundError, ForbiddenError.
        """
        ...

    def watch(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncGenerator[WatchEvent, None]:
        """The present state as `added`, then `synced`, then changes; survives disconnects and 410 until closed."""
        ...

    async def scale_of(self, resource: Resource, name: str, namespace: str = "") -> ScaleView:
        """The scale subresource. Raises UsageError where the kind has none."""
        ...

    async def table(self, query: TableQuery) -> Table:
        """The rows the server would print."""
        ...

    async def rows(self, query: TableQuery) -> LiveRows:
        """The same, kept true by watching."""
        ...

    def bytes_at(
        self,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        *,
        read_timeout_s: float = 60.0,
        subject: str = "",
    ) -> AsyncGenerator[bytes, None]:
        """Any GET of the API server, in pieces as it comes: a log, `/livez?verbose`, a node's own log.

        Waits `read_timeout_s` at most between two pieces. Raises NotFoundError, ForbiddenError, UnreachableError and
        the like, as every read does.
        """
        ...

    async def can_i(self, request: AccessRequest) -> AccessAnswer:
        """Ask SelfSubjectAccessReview."""
        ...

    async def can_they(
        self, identity: Identity, request: AccessRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> AccessAnswer:
        """Ask SubjectAccessReview about somebody else. Raises ForbiddenError where we may not ask that."""
        ...

    async def preview_apply(
        self,
        resource: Resource,
        manifest: Mapping[str, Any],
        *,
        field_manager: str,
        force: bool = False,
        strict: bool = False,
        retry_429: bool = True,
    ) -> JsonObject:
        """Server-side apply with dryRun=All: what the object would become."""
        ...

    async def preview_patch(
        self, resource: Resource, name: str, namespace: str = "", *, body: Mapping[str, Any]
    ) -> JsonObject:
        """A merge patch with dryRun=All: what the object would become. Raises InvalidError for unknown fields too."""
        ...

    async def preview_create(
        self, resource: Resource, manifest: Mapping[str, Any], *, strict: bool = False, retry_429: bool = True
    ) -> JsonObject:
        """Create with dryRun=All."""
        ...

    async def preview_delete(self, resource: Resource, name: str, namespace: str = "") -> None:
        """Delete with dryRun=All."""
        ...

    async def preview_evict(self, name: str, namespace: str, *, uid: str) -> None:
        """Eviction with dryRun=All. Raises TooManyRequestsError naming the budget that forbids it."""
        ...


class Cluster(ClusterReader, Protocol):
    """A cluster as a carrier sees it: the reads, and the mutations.

    No mutation is retried once it may have reached the server, unless it carries a precondition that makes a repeat
    harmless. All take uid or resourceVersion preconditions where Kubernetes has them.
    """

    async def create(
        self, resource: Resource, manifest: Mapping[str, Any], *, strict: bool = False, retry_429: bool = True
    ) -> JsonObject:
        """Create. Raises AlreadyExistsError, InvalidError, ForbiddenError.

        With `strict` an unknown field is refused, not dropped (`fieldValidation`); without `retry_429` a 429 is raised.
        """
        ...

    async def apply(
        self,
        resource: Resource,
        manifest: Mapping[str, Any],
        *,
        field_manager: str,
        force: bool = False,
        strict: bool = False,
        retry_429: bool = True,
    ) -> JsonObject:
        """Server-side apply; idempotent. Raises ConflictError naming the other manager unless `force`."""
        ...

    async def patch(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        body: Any,
        patch_type: PatchType = "merge",
        subresource: str = "",
    ) -> JsonObject:
        """Patch; preconditions go in the body (`metadata.uid`, `metadata.resourceVersion`)."""
        ...

    async def replace(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        body: Mapping[str, Any],
        subresource: str = "",
    ) -> JsonObject:
        """PUT, conditional on the resourceVersion in the body."""
        ...

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        resource_version: str = "",
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
        grace_period_seconds: int | None = None,
    ) -> JsonObject:
        """Delete with preconditions. Raises ConflictError where they fail, NotFoundError where it is gone."""
        ...

    async def evict(
        self, name: str, namespace: str, *, uid: str, grace_period_seconds: int | None = None
    ) -> None:
        """The Eviction API (policy/v1). Raises TooManyRequestsError while a budget forbids it."""
        ...

    async def execute(
        self,
        pod: str,
        namespace: str,
        command: Sequence[str],
        *,
        container: str = "",
        deadline_s: float = 60.0,
    ) -> CommandResult:
        """Run a command in a container to its end, never twice. Raises DeadlineError, ClusterError."""
        ...

    async def set_scale(
        self, resource: Resource, name: str, namespace: str, *, replicas: int, uid: str, resource_version: str
    ) -> ScaleView:
        """PUT the scale subresource under the lock of `resource_version`. Raises ConflictError."""
        ...


class Action(Protocol[P_contra]):
    """One kind of operation. `plan` can only read; `apply` does what the plan says and nothing else."""

    name: ClassVar[str]
    version: ClassVar[int]

    async def plan(self, params: P_contra, cluster: ClusterReader, clock: Clock) -> Plan:
        """Read the cluster and say what would be done."""
        ...

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Execute the plan's steps through the journal; returns when all is true, raises K8sOpsError otherwise.

        Called again, from the start, by whoever takes over from a carrier that died: see `core.journal`.
        """
        ...


class ScratchCluster(Protocol):
    """A throw-away control plane for drills: brought up, used, taken down, leaving nothing."""

    async def up(self) -> str:
        """Start it; returns the path of a kubeconfig of its administrator."""
        ...

    async def down(self) -> None:
        """Stop it and remove all it made. Idempotent."""
        ...


class Redactor(Protocol):
    """Takes secrets out of what will be stored or shown."""

    def redact(self, value: JsonObject, kind: str = "") -> JsonObject:
        """The same structure with each secret value replaced whole, never in part; `kind` as in `Target.kind`."""
        ...

    def text(self, text: str) -> str:
        """What a person or a cluster said, without the secrets in it; what has none comes back as it is."""
        ...

    def texts(self, value: JsonObject) -> JsonObject:
        """The same of every text in a structure, whatever its field is called."""
        ...
