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
    in seconds, where it gave one.
    """

    code: ClassVar[str] = "failed"
    transient: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message: Final = message
        self.hint: Final = hint
        self.retry_after: Final = retry_after

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


class DeniedError(K8sOpsError):
    """Policy, a vote, or read-only mode said no."""

    code = "denied"


class ReadOnlyError(DeniedError):
    """A mutation was attempted through a view that can only read."""

    code = "read_only"


class ApprovalPendingError(K8sOpsError):
    """The run waits for a person."""

    code = "approval_pending"


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


EXIT_CODES: Final[dict[str, ExitCode]] = {
    "usage": ExitCode.USAGE,
    "unknown_kind": ExitCode.USAGE,
    "ambiguous_kind": ExitCode.USAGE,
    "unknown_context": ExitCode.USAGE,
    "not_confirmed": ExitCode.USAGE,
    "denied": ExitCode.DENIED,
    "read_only": ExitCode.DENIED,
    "approval_pending": ExitCode.WAITING_FOR_APPROVAL,
    "blocked": ExitCode.BLOCKED,
    "unreachable": ExitCode.UNREACHABLE,
    "tls": ExitCode.UNREACHABLE,
    "deadline": ExitCode.UNREACHABLE,
    "credentials": ExitCode.UNREACHABLE,
    "drifted": ExitCode.DRIFTED,
    "interrupted": ExitCode.INTERRUPTED,
}


def exit_code_of(code: str) -> ExitCode:
    """The exit code for an error code; a code the table does not know means failure, never success."""
    return EXIT_CODES.get(code, ExitCode.FAILED)
