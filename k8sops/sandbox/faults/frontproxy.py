"""Speaks to the API server for clients that have proved who they are to the proxy.

A proxy that ends TLS cannot pass a client certificate on. The API server therefore knows an authenticating proxy
(Kubernetes documentation, "Authenticating Proxy"): under a certificate of the front-proxy authority it may say in
headers who its client is. What may be said is only what the client's own certificate says, checked against the
sandbox's authority during the handshake; whoever shows none does not get as far as a request.
"""

from __future__ import annotations

import functools
import ssl
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web
from cryptography import x509
from cryptography.x509.oid import NameOID

from k8sops.sandbox.faults.proxy import Grant
from k8sops.sandbox.pki import Pki

ADMINISTRATORS: Final = "system:masters"
CLAIMS: Final = "x-remote-"
"""Headers that only the proxy itself may send."""


class Identity(msgspec.Struct, frozen=True):
    """Who a client certificate stands for: its common name is the user, each organisation a group."""

    user: str
    groups: tuple[str, ...]

    @property
    def administers(self) -> bool:
        """Whether RBAC does not bind this client."""
        return ADMINISTRATORS in self.groups


class FrontProxy:
    """The sandbox's API server, addressed with the front proxy's certificate."""

    def __init__(self, server: str, pki: Pki) -> None:
        self._server: Final = server
        self._tls: Final = ssl.create_default_context(cafile=str(pki.certificate("cluster-ca")))
        self._tls.load_cert_chain(pki.certificate("front-proxy-client"), pki.key("front-proxy-client"))

    @property
    def server(self) -> str:
        """Its URL, without a path."""
        return self._server

    async def grant(self, request: web.Request) -> Grant:
        """The client's own user and groups, and no other. Raises HTTPUnauthorized."""
        identity = identity_of(request)
        groups = tuple(("X-Remote-Group", group) for group in identity.groups)
        return Grant((("X-Remote-User", identity.user), *groups), self._tls)

    def keeps(self, header: str) -> bool:
        """Everything but what would claim an identity. A token goes on; the certificate counts before it."""
        return not header.startswith(CLAIMS)


def serving_context(authority: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS that admits nobody without a client certificate of this authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority))
    context.load_cert_chain(certificate, key)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def identity_of(request: web.Request) -> Identity:
    """Who the client's certificate says it is. Raises HTTPUnauthorized where it names nobody."""
    tls = request.transport.get_extra_info("ssl_object") if request.transport else None
    shown = tls.getpeercert(binary_form=True) if tls else None
    identity = _read(shown) if shown else None
    if identity is None:
        raise web.HTTPUnauthorized(text="a client certificate of the sandbox's authority is needed")
    return identity


@functools.lru_cache(maxsize=256)
def _read(certificate: bytes) -> Identity | None:
    subject = x509.load_der_x509_certificate(certificate).subject
    users = [str(name.value) for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    groups = [str(name.value) for name in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    # A name that a header cannot carry unchanged would arrive as another name.
    if len(users) != 1 or not all(_is_plain(name) for name in (*users, *groups)):
        return None
    return Identity(users[0], tuple(groups))


def _is_plain(name: str) -> bool:
    return bool(name) and name == name.strip() and name.isprintable()
