"""The API server's Status answers, told as our errors: one sentence each, naming object, field, verb or user.

The mapping goes by HTTP code first and by `reason` where a code has two meanings (409), as the Kubernetes API
conventions ("Response Status Kind") lay down. A body that is no Status (a proxy's page) is told by its code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

import msgspec

from k8sops.cluster.one_line import abridged, one_line
from k8sops.core.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    CredentialsError,
    DeadlineError,
    ForbiddenError,
    GoneError,
    InvalidError,
    K8sOpsError,
    NotFoundError,
    SelectorError,
    ServerError,
    TooManyRequestsError,
)


class Asked(NamedTuple):
    """What a request was about, for messages."""

    method: str
    path: str
    subject: str = ""
    user: str = ""
    selectors: tuple[str, ...] = ()
    """What was selected by, of labels and fields."""

    @property
    def sentence(self) -> str:
        """The object as a person names it, else method and path."""
        return one_line(self.subject or f"{self.method} {self.path}", 200)


class Cause(msgspec.Struct, frozen=True):
    """One of several reasons (`StatusCause`)."""

    reason: str = ""
    message: str = ""
    field: str = ""


class Details(msgspec.Struct, frozen=True, rename="camel"):
    """What a failure is about (`StatusDetails`)."""

    name: str = ""
    group: str = ""
    kind: str = ""
    causes: tuple[Cause, ...] | None = None
    retry_after_seconds: int = 0


class Status(msgspec.Struct, frozen=True):
    """meta/v1 Status, as far as it is told on."""

    kind: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0
    details: Details | None = None

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The causes, none where the server gave none."""
        return (self.details.causes if self.details else None) or ()


_DECODER: Final = msgspec.json.Decoder(Status)
_DENIED: Final = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) (?:resource "(?P<resource>[^"]*)"'
    r' in API group "(?P<group>[^"]*)"|path "(?P<path>[^"]*)")'
)
_NAMESPACE: Final = re.compile(r'in the namespace "([^"]*)"')
_MANAGER: Final = re.compile(r'conflict with "([^"]*)"')


def error_of_answer(
    asked: Asked, code: int, headers: Mapping[str, str], payload: bytes, server: str
) -> K8sOpsError:
    """The error a failed HTTP answer means."""
    return error_of_status(asked, code, status_of(payload), retry_after_of(headers), server)


def status_of(payload: bytes) -> Status:
    """The Status in a body; one with only the body's first line as its message where there is none."""
    try:
        status = _DECODER.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Status(message=one_line(payload[:300].decode("utf-8", "replace"), 200))
    return status if status.kind == "Status" else Status()


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the Retry-After header says (RFC 9110 §10.2.3), None where it says nothing usable."""
    value = headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    date = headers.get("Date", "")
    try:
        return max(0.0, (parsedate_to_datetime(value) - parsedate_to_datetime(date)).total_seconds())
    except (ValueError, TypeError):
        return None


def error_of_status(  # noqa: PLR0911 - a table
    asked: Asked, code: int, status: Status, retry_after: float | None = None, server: str = ""
) -> K8sOpsError:
    """The error a Status means; also for the Status inside a watch's ERROR event (`code` is its own)."""
    if retry_after is None and status.details and status.details.retry_after_seconds:
        retry_after = float(status.details.retry_after_seconds)
    told = one_line(status.message) or f"HTTP {code} without an explanation"
    subject = asked.sentence
    match code:
        case 401:
            return _unauthorized(asked, server)
        case 403:
            return _forbidden(asked, told)
        case 404:
            return _not_found(asked, status, told)
        case 409:
            return _conflict(asked, status, told)
        case 410:
            return GoneError(f"{subject}: the version asked for is no longer kept: {told}")
        case 429:
            return TooManyRequestsError(f"{subject}: {_throttled(status, told)}", retry_after=retry_after)
        case 504:
            return DeadlineError(
                f"{subject}: the API server gave up waiting: {told}",
                hint="try again later",
                retry_after=retry_after,
            )
        case 422 if any(cause.field == "metadata.uid" for cause in status.causes):
            # A patch that names the uid of an object deleted and made anew.
            return ConflictError(f"{subject} is another object now, made anew under the same name")
        case 400 | 405 | 406 | 413 | 415 | 422:
            return _invalid(asked, code, status, told)
        case _ if code >= 500:
            return ServerError(
                f"{subject}: the API server failed with {code}: {told}", retry_after=retry_after
            )
        case _:
            return ClusterError(f"{subject}: the API server answered {code}: {told}")


def _unauthorized(asked: Asked, server: str) -> CredentialsError:
    whose = f" of user {asked.user!r}" if asked.user else ""
    return CredentialsError(
        f"{server or 'the API server'} refused the credentials{whose} (401 Unauthorized)",
        hint="log in again or renew the credentials in the kubeconfig",
    )


def _forbidden(asked: Asked, told: str) -> ForbiddenError:
    denied = _DENIED.search(told)
    if denied is None:
        return ForbiddenError(f"{asked.sentence} is forbidden: {told}")
    group = denied["group"]
    what = f"{denied['resource']}.{group}" if group else denied["resource"] or denied["path"]
    namespace = _NAMESPACE.search(told)
    where = (
        f" in namespace {namespace[1]}" if namespace else " at cluster scope" if denied["resource"] else ""
    )
    about = f"{one_line(asked.subject, 200)}: " if asked.subject else ""
    return ForbiddenError(
        f'{about}user "{denied["user"]}" may not {denied["verb"]} {what}{where}',
        hint=f"ask for a role that allows {denied['verb']} on {what}{where}",
    )


def _not_found(asked: Asked, status: Status, told: str) -> NotFoundError:
    details = status.details
    if details is None or not (details.name or details.kind):
        return NotFoundError(f"{asked.sentence}: not served by this cluster ({told})")
    if not details.name:
        return NotFoundError(f"{asked.sentence}: {told}")
    kind = f"{details.kind}.{details.group}" if details.group else details.kind
    # Creating in a namespace that is not there answers 404 about the namespace, not about the object.
    named = f"/{details.name}" in f"/{asked.subject}" if asked.subject else False
    what = asked.sentence if named else one_line(f"{kind}/{details.name}" if kind else details.name, 200)
    suffix = "" if named or not asked.subject else f" (asked for {asked.sentence})"
    return NotFoundError(f"{what} does not exist{suffix}")


def _invalid(asked: Asked, code: int, status: Status, told: str) -> InvalidError:
    if code == 400 and asked.selectors:
        given = one_line(" and ".join(map(repr, asked.selectors)), 200)
        return SelectorError(
            f"{asked.sentence}: the selector {given} is refused as invalid: {told}",
            hint="labels are selected as in `app=web,tier in (a,b),!canary`, fields as in `status.phase=Running`",
        )
    return InvalidError(f"{asked.sentence} is refused as invalid: {_fields(status, told)}")


def _conflict(asked: Asked, status: Status, told: str) -> K8sOpsError:
    if status.reason == "AlreadyExists":
        return AlreadyExistsError(f"{asked.sentence} already exists")
    managed = [cause for cause in status.causes if cause.reason == "FieldManagerConflict"]
    if managed:
        managers = sorted({found[1] for cause in managed if (found := _MANAGER.search(cause.message))})
        fields = ", ".join(cause.field for cause in managed[:5])
        more = f" and {len(managed) - 5} more" if len(managed) > 5 else ""
        return ConflictError(
            one_line(
                f"{asked.sentence}: {fields}{more} is owned by {' and '.join(managers) or 'another manager'}"
            ),
            hint="force takes the fields over from that manager",
        )
    if "object has been modified" in told:
        return ConflictError(f"{asked.sentence} has been changed by somebody else meanwhile")
    if "UID in the precondition" in told:
        return ConflictError(f"{asked.sentence} is another object now, made anew under the same name")
    return ConflictError(f"{asked.sentence}: {told}")


def _throttled(status: Status, told: str) -> str:
    budgets = [cause.message for cause in status.causes if cause.reason == "DisruptionBudget"]
    return one_line(" ".join((told, *budgets)))


def _fields(status: Status, told: str) -> str:
    causes = [f"{cause.field}: {abridged(cause.message)}" for cause in status.causes if cause.field]
    named = list(dict.fromkeys(causes))
    if not named:
        return abridged(told, 600)
    more = f" (and {len(named) - 5} more)" if len(named) > 5 else ""
    return one_line("; ".join(named[:5])) + more
