"""What obstore's failures mean, in sentences that name location and file.

obstore tells kinds of failure apart by class only in part; the rest is in its text, of which the status, the provider's
own error code and a few fixed phrases are looked for. The text itself goes nowhere: it can hold a signed URL.
"""

from __future__ import annotations

import re
from typing import Final

from k8sops.backup.storage.errors import NotThereError, RetainedError, StorageError
from k8sops.core.errors import (
    CredentialsError,
    DeadlineError,
    K8sOpsError,
    TlsError,
    UnreachableError,
    UsageError,
)

_STATUS: Final = re.compile(r"status code: (\d{3})\b")
_CODE: Final = re.compile(r"<Code>([A-Za-z0-9]{2,60})</Code>|\"reason\":\s*\"([A-Za-z]{2,60})\"")
_NO_BUCKET: Final = re.compile(
    r"NoSuchBucket|ContainerNotFound|specified bucket does not exist|no bucket named", re.IGNORECASE
)
_OTHER_REGION: Final = re.compile(
    r"PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint|redirect without LOCATION"
)
_RETAINED: Final = re.compile(
    r"BlobImmutableDueToPolicy|BlobImmutableDueToLegalHold|retentionPolicyNotMet|retention policy|ObjectLocked|WORM"
    r"|under active hold|object is locked",
    re.IGNORECASE,
)
_BEHIND_THE_END: Final = re.compile(r"status code: 416\b|StartTooLarge")
_NO_CREDENTIALS: Final = re.compile(
    r"token request|token response|instance metadata|latest/api/token|security-credentials|AssumeRole"
    r"|Missing.{0,30}(key|account)|external credential|CredentialsError",
    re.IGNORECASE,
)
_TLS: Final = re.compile(r"certificate|UnknownIssuer|HandshakeFailure|tls handshake", re.IGNORECASE)
_TIMED_OUT: Final = re.compile(r"timed out|TimedOut|timeout reached|deadline", re.IGNORECASE)
_AWAY: Final = re.compile(
    r"error sending request|HTTP error|connect|dns|reset|broken pipe|IncompleteMessage|unexpected eof"
    r"|error decoding response body|Body",
    re.IGNORECASE,
)


def told(
    error: BaseException, location: str, doing: str, *, writing: bool = False, credentials: str = ""
) -> K8sOpsError:
    """The failure in our words; `doing` completes "while …"; a write that was not answered has an unknown outcome.

    `credentials` names where those that were used come from, and never what they are.
    """
    text = str(error)
    status, code = _status(text), _code(text)
    if _NO_BUCKET.search(text):
        return no_such_bucket(location)
    if _OTHER_REGION.search(text):
        return UsageError(
            f"{location} is in another region than it is asked in", hint="say region=… in the location's URL"
        )
    if isinstance(error, FileNotFoundError) or status == 404:
        return NotThereError(f"{location}: nothing is there ({doing})")
    if writing and _RETAINED.search(text):
        return RetainedError(f"{location} keeps what it holds by retention or lock ({doing})")
    return _refused(location, doing, status, code, text, credentials) or _unanswered(
        location, doing, status, text, writing=writing
    )


def ends_early(error: BaseException) -> bool:
    """Whether a range was asked for that lies behind the file's end."""
    return _BEHIND_THE_END.search(str(error)) is not None


def no_such_bucket(location: str) -> UsageError:
    """The bucket or container is missing, which no empty answer may hide."""
    return UsageError(
        f"{location}: there is no such bucket or container", hint="make it first: k8sops makes none by itself"
    )


def _refused(
    location: str, doing: str, status: int, code: str, text: str, credentials: str
) -> K8sOpsError | None:
    source = f", asked with the credentials of {credentials}" if credentials else ""
    said = f": {code}" if code else f": HTTP {status}" if status else ""
    if _NO_CREDENTIALS.search(text):
        return CredentialsError(
            f"no credentials for {location} could be had ({doing})",
            hint="docs/backup-storage.md lists where they are looked for",
        )
    if status in (401, 403):
        return CredentialsError(
            f"{location} refused {doing}{said}{source}",
            hint="the credentials are wrong or expired, or lack the right to do this",
        )
    if status == 501:
        return UsageError(
            f"{location} cannot do what is needed of it ({doing}{said})",
            hint="a storage has to put files only if absent (If-None-Match on PUT)",
        )
    return None


def _unanswered(location: str, doing: str, status: int, text: str, *, writing: bool) -> K8sOpsError:
    if _TLS.search(text):
        return TlsError(
            f"the certificate of {location} cannot be verified",
            hint="name its authority with ca=FILE in the location's URL",
        )
    if status in (408, 429) or status >= 500:
        return UnreachableError(
            f"{location} answered HTTP {status} until patience ran out ({doing})", outcome_unknown=writing
        )
    if not status and _TIMED_OUT.search(text):
        return DeadlineError(f"{location} did not answer in time ({doing})", outcome_unknown=writing)
    if not status and _AWAY.search(text):
        return UnreachableError(
            f"{location} could not be reached, or hung up ({doing})",
            hint="check endpoint, network and proxy",
            outcome_unknown=writing,
        )
    said = " ".join(filter(None, (f"HTTP {status}" if status else "", _code(text))))
    return StorageError(f"{location}: {doing} failed" + (f": {said}" if said else ""))


def _status(text: str) -> int:
    found = _STATUS.search(text)
    return int(found[1]) if found else 0


def _code(text: str) -> str:
    found = _CODE.search(text)
    return (found[1] or found[2]) if found else ""
