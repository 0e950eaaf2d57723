"""TLS contexts from a kubeconfig's authority and client certificate; verification is on unless the file says no.

OpenSSL takes a client certificate from files only, so inline data passes through a 0600 file that is gone before
the context is used.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import ssl
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from k8sops.cluster.credentials_kubeconfig import Chosen
from k8sops.core.errors import CredentialsError, UsageError

_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class ClientCertificate(msgspec.Struct, frozen=True):
    """A client certificate and its key, PEM. Held in memory only."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "ClientCertificate()"


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to believe: an authority's PEM (empty: the system's), or, said outright, anybody."""

    authority: bytes = b""
    verify: bool = True


def context_of(trust: Trust, client: ClientCertificate | None) -> ssl.SSLContext:
    """The TLS context; blocking. Raises CredentialsError or UsageError where a certificate cannot be loaded."""
    try:
        authority = trust.authority.decode("ascii") or None
        context = ssl.create_default_context(cadata=authority)
    except (ssl.SSLError, ValueError) as error:
        raise UsageError("the kubeconfig's certificate-authority is not a PEM certificate") from error
    # Cluster authorities often lack the extensions that newer Pythons insist on; kubectl does not ask for them.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not trust.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if client is not None:
        _load_client(context, client)
    return context


def _load_client(context: ssl.SSLContext, client: ClientCertificate) -> None:
    def no_password() -> bytes:
        raise CredentialsError(
            "the client key is protected by a password, which is not supported",
            hint="store the key unencrypted (0600), or use a credential plugin",
        )

    # NamedTemporaryFile makes its file 0600.
    with tempfile.NamedTemporaryFile(prefix="k8sops-") as file:
        file.write(client.certificate.rstrip() + b"\n" + client.key)
        file.flush()
        try:
            context.load_cert_chain(file.name, password=no_password)
        except (ssl.SSLError, ValueError) as error:
            raise CredentialsError("the client certificate and key do not fit or are not PEM") from error


def bytes_of(data: str, file: str, folder: Path, what: str) -> bytes:
    """Inline base64, else the file's content, else nothing. Inline wins, as the kubeconfig format says."""
    if data:
        try:
            return base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError) as error:
            raise UsageError(f"kubeconfig: {what}-data is not base64") from error
    if not file:
        return b""
    path = folder / Path(file).expanduser()
    try:
        return path.read_bytes()
    except OSError as error:
        raise CredentialsError(f"kubeconfig: {what} {path} cannot be read: {error.strerror}") from error


def trust_of(chosen: Chosen) -> Trust:
    """What the cluster entry says about verification; blocking."""
    entry = chosen.cluster
    if entry.insecure_skip_tls_verify:
        return Trust(verify=False)
    return Trust(
        authority=bytes_of(
            entry.certificate_authority_data,
            entry.certificate_authority,
            chosen.cluster_folder,
            "certificate-authority",
        )
    )


def authority_pins(trust: Trust) -> tuple[str, ...]:
    """`sha256:` and the hex sha256 of the DER form of each authority that is believed; empty: the system's, or all."""
    if not trust.verify:
        return ()
    found = []
    for block in _CERTIFICATE.findall(trust.authority):
        with suppress(ValueError):  # what is no certificate vouches for nobody
            found.append(f"sha256:{hashlib.sha256(ssl.PEM_cert_to_DER_cert(block.decode())).hexdigest()}")
    return tuple(dict.fromkeys(found))


def client_certificate_of(chosen: Chosen) -> ClientCertificate | None:
    """The user entry's client certificate, None where it has none; blocking."""
    user, folder = chosen.user, chosen.user_folder
    parts = [
        bytes_of(str(user.get(f"{what}-data") or ""), str(user.get(what) or ""), folder, what)
        for what in ("client-certificate", "client-key")
    ]
    if not any(parts):
        return None
    if not all(parts):
        raise UsageError("kubeconfig: client-certificate and client-key must both be given")
    return ClientCertificate(*parts)


def expiry_of(client: ClientCertificate) -> datetime | None:
    """When the first certificate ends to be valid; None where it cannot be read."""
    from cryptography import x509  # noqa: PLC0415 - only a refusal asks

    try:
        return x509.load_pem_x509_certificate(client.certificate).not_valid_after_utc.astimezone(UTC)
    except ValueError:
        return None
