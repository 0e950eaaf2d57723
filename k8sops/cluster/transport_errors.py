"""Failures below HTTP (names, connections, TLS, cut bodies), told as our errors in one sentence each.

This is where aiohttp's and ssl's exceptions end. Messages name server and context, since a person with several
clusters must see at once which of them is away.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

import aiohttp

from k8sops.cluster.credentials import Credentials
from k8sops.cluster.one_line import one_line
from k8sops.cluster.retry import NeverSentError
from k8sops.cluster.status import Asked, Status, error_of_status
from k8sops.core.errors import (
    CredentialsError,
    DeadlineError,
    ForbiddenError,
    K8sOpsError,
    TlsError,
    UnreachableError,
)

# OpenSSL's X509_V_ERR_* numbers (openssl-verification-options).
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_UNKNOWN_ISSUER: Final = frozenset({2, 18, 19, 20, 21})
_WRONG_NAME: Final = frozenset({62, 64})

_ALERT: Final = "ALERT"
_SUBRESOURCE: Final = re.compile(r"/namespaces/(?P<namespace>[^/]+)/pods/[^/]+/(?P<name>\w+)$")

# TLS alerts (RFC 8446 §6.2) a server sends when it is our certificate that it does not take.
_CLIENT_CERTIFICATE_ALERTS: Final = (
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_UNKNOWN",
    "UNKNOWN_CA",
    "HANDSHAKE_FAILURE",
)


@contextmanager
def connection_errors_told(credentials: Credentials, asked: Asked) -> Iterator[None]:
    """Raise what goes wrong inside as one of ours; our own errors and a deadline's timeout pass."""
    try:
        yield
    except (aiohttp.ClientError, ssl.SSLError, OSError) as error:
        # An asyncio.timeout around us speaks through a bare TimeoutError, which is an OSError.
        if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ClientError):
            raise
        raise error_of_connection(error, credentials, asked) from error


def error_of_connection(  # noqa: PLR0911 - a table
    error: Exception, credentials: Credentials, asked: Asked
) -> K8sOpsError:
    """The error of ours that a failure of aiohttp, ssl or the socket means."""
    where = f"{credentials.server} (context {credentials.context!r})"
    match error:
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return _unverified(error, where)
        case aiohttp.ClientSSLError() if _cut_off(error.os_error):
            return NeverSentError(
                f"{where} cannot be reached: the connection was cut in the TLS handshake",
                hint="the API server may be starting or stopping: try again",
            )
        case _ if isinstance(error, aiohttp.ClientSSLError) or _ALERT in str(error).upper():
            # With TLS 1.3 the alert comes after the handshake, as a failure of the open connection.
            return _tls_failure(error, credentials, where)
        case aiohttp.ClientHttpProxyError() | aiohttp.ClientProxyConnectionError():
            return _proxy_failure(error, where)
        case aiohttp.ClientConnectorDNSError():
            return NeverSentError(
                f"{where}: the host name cannot be resolved",
                hint="check the server in the kubeconfig and the network (VPN?)",
            )
        case aiohttp.ConnectionTimeoutError():
            return NeverSentError(
                f"{where}: no connection came about in time",
                hint="check the server in the kubeconfig and the network (VPN?)",
            )
        case aiohttp.SocketTimeoutError():
            return DeadlineError(f"{asked.sentence}: {where} fell silent in the middle of its answer")
        case aiohttp.ClientConnectorError():
            return NeverSentError(
                f"{where} cannot be reached: {_os_reason(error)}",
                hint="check that the API server is up and that the context is the one you mean",
            )
        case aiohttp.WSServerHandshakeError(status=HTTPStatus.FORBIDDEN):
            return _not_let_in(asked)
        case aiohttp.WSServerHandshakeError():
            return error_of_status(
                asked, error.status, Status(message=error.message), server=credentials.server
            )
        case aiohttp.InvalidURL():
            return TlsError(f"{where}: the server's address is not a URL")
        case _:
            cut = isinstance(error, aiohttp.ClientPayloadError)
            told = "in the middle of an answer" if cut else one_line(str(error), 200) or type(error).__name__
            return UnreachableError(f"{asked.sentence}: the connection to {where} was lost: {told}")


def _proxy_failure(
    error: aiohttp.ClientHttpProxyError | aiohttp.ClientProxyConnectionError, where: str
) -> K8sOpsError:
    hint = "check proxy-url in the kubeconfig, HTTPS_PROXY and NO_PROXY"
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return NeverSentError(f"{where}: the proxy cannot be reached: {_os_reason(error)}", hint=hint)
    if error.status == 407:
        return CredentialsError(
            f"{where}: the proxy wants credentials",
            hint="put user and password into proxy-url in the kubeconfig, or into HTTPS_PROXY",
        )
    told = one_line(error.message, 200)
    return UnreachableError(f"{where}: the proxy refused to connect ({error.status} {told})", hint=hint)


def _not_let_in(asked: Asked) -> ForbiddenError:
    """A refused handshake brings no Status: which right it took is known by the path alone."""
    found = _SUBRESOURCE.search(asked.path)
    wanted = f"create on pods/{found['name']} in namespace {found['namespace']}" if found else "it"
    return ForbiddenError(
        f"{asked.sentence} is forbidden to these credentials", hint=f"ask for a role that allows {wanted}"
    )


def _cut_off(error: BaseException) -> bool:
    return isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or "UNEXPECTED_EOF" in str(error)


def _unverified(error: Exception, where: str) -> TlsError:
    cause = getattr(error, "certificate_error", error)
    number = getattr(cause, "verify_code", 0)
    if number == _EXPIRED:
        return TlsError(
            f"{where}: the server's certificate has expired", hint="the cluster's administrator must renew it"
        )
    if number == _NOT_YET_VALID:
        return TlsError(f"{where}: the server's certificate is not valid yet", hint="check the clocks")
    if number in _WRONG_NAME:
        detail = one_line(str(getattr(cause, "verify_message", "")), 200)
        return TlsError(
            f"{where}: the server's certificate is for another name: {detail}",
            hint="check server and tls-server-name in the kubeconfig",
        )
    if number in _UNKNOWN_ISSUER:
        return TlsError(
            f"{where}: the server's certificate is not signed by the authority the kubeconfig names",
            hint="check certificate-authority in the kubeconfig; the cluster may have been made anew",
        )
    return TlsError(f"{where}: the server's certificate cannot be verified: {one_line(str(cause), 200)}")


def _tls_failure(error: Exception, credentials: Credentials, where: str) -> K8sOpsError:
    told = str(error).upper().replace(" ", "_")
    if _ALERT in told and any(alert in told for alert in _CLIENT_CERTIFICATE_ALERTS):
        return CredentialsError(
            f"{where} does not accept the client certificate of user {credentials.username!r}",
            hint="renew the client certificate in the kubeconfig",
        )
    if "WRONG_VERSION_NUMBER" in told or "RECORD_LAYER_FAILURE" in told or "PACKET_LENGTH" in told:
        return TlsError(
            f"{where} does not speak TLS", hint="check the server's scheme and port in the kubeconfig"
        )
    reason = getattr(error, "reason", None) or getattr(getattr(error, "os_error", None), "reason", None)
    return TlsError(f"{where}: TLS failed: {one_line(str(reason or error), 200)}")


def _os_reason(error: aiohttp.ClientConnectorError) -> str:
    cause = error.os_error
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused"
    if isinstance(cause, ConnectionResetError):
        return "connection reset"
    if isinstance(cause, asyncio.TimeoutError):
        return "timed out"
    return one_line(cause.strerror or str(cause), 200)
