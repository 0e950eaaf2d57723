"""Until when certificates are valid that can be seen from here: the API server's own, ours, and those in TLS Secrets.

Reads public halves only: of a Secret nothing but `tls.crt` is decoded, its key never becomes an object here.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import msgspec

from k8sops.cluster.credentials import Credentials
from k8sops.cluster.structs import Meta
from k8sops.core.errors import DeadlineError, UnreachableError
from k8sops.core.ports import ClusterReader

TLS_SECRETS: Final = "type=kubernetes.io/tls"
DEADLINE_S: Final = 10.0
HTTPS: Final = 443


class _Public(msgspec.Struct, frozen=True, gc=False):
    certificate: bytes = msgspec.field(default=b"", name="tls.crt")


class _TlsSecret(msgspec.Struct, frozen=True, gc=False):
    metadata: Meta = Meta()
    data: _Public = _Public()


async def server_certificate_ends(credentials: Credentials) -> datetime | None:
    """When the API server's certificate ends to be valid; None where it cannot be seen: no TLS, or a proxy between.

    Raises UnreachableError, CredentialsError.
    """
    parts = urlsplit(credentials.server)
    grant = await credentials.grant()
    if credentials.proxy or not isinstance(grant.ssl, ssl.SSLContext):
        return None
    try:
        async with asyncio.timeout(DEADLINE_S):
            _, writer = await asyncio.open_connection(
                parts.hostname,
                parts.port or HTTPS,
                ssl=grant.ssl,
                server_hostname=credentials.tls_server_name or parts.hostname,
            )
    except TimeoutError as error:
        raise DeadlineError(f"{credentials.server} showed no certificate within {DEADLINE_S:g} s") from error
    except OSError as error:
        raise UnreachableError(f"{credentials.server} showed no certificate: {error}") from error
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.close()
    return _ends(shown) if shown else None


async def tls_secrets_end(reader: ClusterReader) -> AsyncGenerator[tuple[str, str, datetime], None]:
    """Namespace, name and end of each certificate in a Secret of type kubernetes.io/tls. Raises ForbiddenError."""
    found = reader.list_as(_TlsSecret, await reader.resource("secrets"), field_selector=TLS_SECRETS)
    async with aclosing(found) as secrets:
        async for secret in secrets:
            ends = _ends(secret.data.certificate)
            if ends is not None:
                yield secret.metadata.namespace, secret.metadata.name, ends


def _ends(certificate: bytes) -> datetime | None:
    """Of a DER certificate, or of the first one in PEM; None where it is neither."""
    from cryptography import x509  # noqa: PLC0415 - costs as much as a command, and few look at certificates

    try:
        if certificate.lstrip().startswith(b"-----"):
            found = x509.load_pem_x509_certificate(certificate)
        else:
            found = x509.load_der_x509_certificate(certificate)
    except ValueError:
        return None
    return found.not_valid_after_utc.astimezone(UTC)
