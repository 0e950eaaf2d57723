"""Every failure a user can see, as one tree, and the one table from error code to exit code.

    K8sOpsError
    ├── UsageError            bad input, config, policy or playbook                exit 2
    ├── DeniedError           refused by policy, by a vote, or by read-only mode   exit 3
    ├── ApprovalPendingError  somebody still has to say yes                        exit 4
    ├── BlockedError          the plan has blockers                                exit 5
    ├── UnreachableError      cluster, store or repository away                    exit 6
    ├── CredentialsError      credentials refused, expired or not to be had        exit 6
    ├── DriftedError          the cluster is not what the plan rests on            exit 7
    └── ClusterError          what the API server answered                         exit 1
        ├── NotFoundError, ConflictError, ForbiddenError, InvalidError,
        └── AlreadyExistsError, GoneError, TooManyRequestsError, ServerError

Library exceptions are mapped to these once, at the adapter, with `raise … from`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar, Final


class ExitCode(IntEnum):
    """What the process answers its caller (DESIGN §6)."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DENIED = 3
    WAITING_FOR_APPROVAL = 4
    BLOCKED = 5
    UNREACHABLE = 6
    DRIFTED = 7
    DIFFERENT = 8
    INTERRUPTED = 130


class K8sOpsError(Exception):
    """A failure with a stable code, one sentence, and what to do about it.

    `transient` says whether the same request may succeed later; `retry_after` is the server's own word on when,
    in seconds, where it gave one. `outcome_unknown` says that a change was sent and may have been made all the same.
    """

    code: ClassVar[str] = "failed"
    transient: ClassVar[bool] = False

    def __init__(
        self, message: str, *, hint: str = "", retry_after: float | None = None, outcome_unknown: bool = False
    ) -> None:
        super().__init__(message)
        self.message: Final = message
        self.hint: Final = hint
        self.retry_after: Final = retry_after
        self.outcome_unknown = outcome_unknown

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of a command that ends with this error."""
        return exit_code_of(self.code)


class UsageError(K8sOpsError):
    """The request itself cannot be understood: a flag, a kind, a config, a policy or a playbook."""

    code = "usage"


class UnknownKindError(UsageError):
    """No API group that could be discovered serves this kind."""

    code = "unknown_kind"


class AmbiguousKindError(UsageError):
    """Several API groups serve this name and none is preferred; the message lists them as kind.group."""

    code = "ambiguous_kind"


class UnknownContextError(UsageError):
    """The kubeconfig has no context of this name."""

    code = "unknown_context"


class PolicyError(UsageError):
    """The policy file cannot be read, or says something that cannot be meant; the message names file and key."""

    code = "policy"


class DeniedError(K8sOpsError):
    """Policy, a vote, or read-only mode said no."""

    code = "denied"


class StatementError(DeniedError):
    """A signed statement does not hold: forged, expired, of another run, or by a key nobody vouches for."""

    code = "statement"


class EnrolmentError(DeniedError):
    """What the cluster says of an enrolment is not what was claimed."""

    code = "enrolment"


class KeyFileError(UsageError):
    """A signing key cannot be made, read or understood."""

    code = "key"


class ReadOnlyError(DeniedError):
    """A mutation was attempted through a view that can only read."""

    code = "read_only"


class ApprovalPendingError(K8sOpsError):
    """The run waits for a person."""

    code = "approval_pending"


class NeedsReviewError(K8sOpsError):
    """A step that must not be repeated may or may not have been done; a person has to look."""

    code = "needs_review"


class TargetLockedError(K8sOpsError):
    """Another run holds an object this one would change; the message names both."""

    code = "target_locked"
    transient = True


class NoSuchRunError(UsageError):
    """No run has this id, or several begin like it."""

    code = "no_such_run"


class NoSuchScheduleError(UsageError):
    """There is no schedule of this name."""

    code = "no_such_schedule"


class NoSuchGrantError(UsageError):
    """No grant has this id, or several begin like it."""

    code = "no_such_grant"


class ScheduleExistsError(UsageError):
    """There is a schedule of this name already."""

    code = "schedule_exists"


class ScheduleChangedError(UsageError):
    """Somebody else changed the schedule since it was read; nothing was written."""

    code = "schedule_changed"


class ReasonWantedError(UsageError):
    """Policy wants a reason, or one that names a ticket; the same request with it may go on."""

    code = "reason_wanted"


class FencedOutError(K8sOpsError):
    """Another carrier has taken the run over: this one may neither write nor change the cluster any more."""

    code = "fenced_out"


class AlreadyDecidedError(UsageError):
    """A vote, start or cancel came too late: the message says what was decided, by whom."""

    code = "already_decided"


class ConfirmationError(K8sOpsError):
    """Nobody confirmed the plan: the answer was no, or there is no terminal and no --yes."""

    code = "not_confirmed"


class BlockedError(K8sOpsError):
    """The plan has blockers; each names the flag that would override it."""

    code = "blocked"


class UnreachableError(K8sOpsError):
    """No answer from the cluster, the store or the repository."""

    code = "unreachable"
    transient = True


class TlsError(UnreachableError):
    """The server's certificate cannot be verified; retrying will not help."""

    code = "tls"
    transient = False


class DeadlineError(UnreachableError):
    """A request was not answered within its deadline."""

    code = "deadline"


class CredentialsError(K8sOpsError):
    """The credentials were refused, have expired, or could not be obtained."""

    code = "credentials"


class DriftedError(K8sOpsError):
    """The cluster no longer is what the plan rests on; the plan is void."""

    code = "drifted"


class ClusterError(K8sOpsError):
    """The API server answered, and the answer is a failure."""

    code = "cluster"


class NotFoundError(ClusterError):
    """404: the object, or the resource, does not exist."""

    code = "not_found"


class AlreadyExistsError(ClusterError):
    """409 AlreadyExists: an object of that name is there."""

    code = "already_exists"


class ConflictError(ClusterError):
    """409 Conflict: a precondition (uid, resourceVersion, field ownership) does not hold."""

    code = "conflict"
    transient = True


class ForbiddenError(ClusterError):
    """403: the message names verb, resource and user."""

    code = "forbidden"


class InvalidError(ClusterError):
    """400 or 422: the message names the field."""

    code = "invalid"


class SelectorError(InvalidError):
    """400 to a read with a label or field selector, which came as it was typed; the message has both."""

    code = "selector"


class GoneError(ClusterError):
    """410: the resourceVersion or continue token is too old; list again."""

    code = "gone"
    transient = True


class TooManyRequestsError(ClusterError):
    """429: throttled, or a PodDisruptionBudget does not allow the eviction now."""

    code = "too_many_requests"
    transient = True


class ServerError(ClusterError):
    """5xx: the API server, or something it calls, failed."""

    code = "server_error"
    transient = True


class WaitError(K8sOpsError):
    """A wait reached its deadline; the message says what it waited for."""

    code = "wait_deadline"


class OverruledError(K8sOpsError):
    """Something else on the cluster undid the change while the run was waiting for it to take effect."""

    code = "overruled"


class PartialError(K8sOpsError):
    """Some steps were done and some were not; the message lists both, the hint says how to go back."""

    code = "partial"


class SandboxError(K8sOpsError):
    """The sandbox's control plane could not be built, started or stopped."""

    code = "sandbox"


class StoreError(K8sOpsError):
    """The store refused or failed, for good."""

    code = "store"


class StoreUnreachableError(UnreachableError):
    """The store's server is away, or the connection broke before the change was committed."""

    code = "store_unreachable"


class StoreOutcomeError(StoreUnreachableError):
    """The connection broke while committing: the change was made wholly or not at all, which is not known."""

    code = "store_outcome_unknown"


class StoreBusyError(UnreachableError):
    """Another process held a lock for longer than waiting is allowed."""

    code = "store_busy"


class StoreFullError(StoreError):
    """No room to write: disk, quota or file size limit. Nothing of the change was kept."""

    code = "store_full"


class StorePermissionError(StoreError):
    """The file or the database role does not allow it; the audit trail allows no change to anybody."""

    code = "store_permission"


class StoreCorruptError(StoreError):
    """The store's file or pages are damaged, or the file is no database."""

    code = "store_corrupt"


class StoreConstraintError(StoreError):
    """A row breaks a key or constraint; reached only where a statement did not provide for it."""

    code = "store_constraint"


class StorePlaceError(UsageError):
    """The store cannot be where its URL says: a network file system, a folder, an unknown scheme."""

    code = "store_place"


class SchemaOutdatedError(UsageError):
    """The shared store's tables are older than this program; `store migrate` brings them up."""

    code = "schema_outdated"


class StoreNewerError(UsageError):
    """The store's tables are newer than this program; nothing was touched."""

    code = "store_newer"


STORE_ERRORS: Final = (
    StoreError,
    StoreUnreachableError,
    StoreBusyError,
    StorePlaceError,
    SchemaOutdatedError,
    StoreNewerError,
)
"""All that says of the store that it cannot be used now."""


class AuditError(K8sOpsError):
    """An audit record, checkpoint or export cannot be written or read."""

    code = "audit"


class AuditBrokenError(AuditError):
    """An audit trail does not hold: the message names the first bad record and what is wrong with it."""

    code = "audit_broken"


EXIT_CODES: Final[dict[str, ExitCode]] = {
    "usage": ExitCode.USAGE,
    "unknown_kind": ExitCode.USAGE,
    "ambiguous_kind": ExitCode.USAGE,
    "unknown_context": ExitCode.USAGE,
    "selector": ExitCode.USAGE,
    "policy": ExitCode.USAGE,
    "not_confirmed": ExitCode.USAGE,
    "already_decided": ExitCode.USAGE,
    "no_such_run": ExitCode.USAGE,
    "no_such_schedule": ExitCode.USAGE,
    "no_such_grant": ExitCode.USAGE,
    "schedule_exists": ExitCode.USAGE,
    "schedule_changed": ExitCode.USAGE,
    "reason_wanted": ExitCode.USAGE,
    "key": ExitCode.USAGE,
    "denied": ExitCode.DENIED,
    "statement": ExitCode.DENIED,
    "enrolment": ExitCode.DENIED,
    "read_only": ExitCode.DENIED,
    "approval_pending": ExitCode.WAITING_FOR_APPROVAL,
    "blocked": ExitCode.BLOCKED,
    "store_place": ExitCode.USAGE,
    "schema_outdated": ExitCode.USAGE,
    "store_newer": ExitCode.USAGE,
    "store_unreachable": ExitCode.UNREACHABLE,
    "store_outcome_unknown": ExitCode.UNREACHABLE,
    "store_busy": ExitCode.UNREACHABLE,
    "unreachable": ExitCode.UNREACHABLE,
    "tls": ExitCode.UNREACHABLE,
    "deadline": ExitCode.UNREACHABLE,
    "credentials": ExitCode.UNREACHABLE,
    "drifted": ExitCode.DRIFTED,
    "audit_broken": ExitCode.DIFFERENT,
    "repository_key": ExitCode.UNREACHABLE,
    "repository_newer": ExitCode.USAGE,
    "interrupted": ExitCode.INTERRUPTED,
}


def exit_code_of(code: str) -> ExitCode:
    """The exit code for an error code; a code the table does not know means failure, never success."""
    return EXIT_CODES.get(code, ExitCode.FAILED)
