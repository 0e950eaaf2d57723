"""Credentials of every kind a kubeconfig or a pod can hold, as one object that authorises requests.

What is needed for a request is a `Grant`: headers and a TLS context. It is asked for anew each time, so that
tokens that are rotated or expire are renewed without anybody above noticing. OIDC goes through the `kubernetes`
package's loader; plugins are run by us (`exec_plugin`), since that loader hands them the terminal.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from k8sops.cluster.credentials_kubeconfig import Chosen, default_paths, read_kubeconfig
from k8sops.cluster.credentials_proxy import proxy_for
from k8sops.cluster.credentials_sources import (
    FixedSource,
    Material,
    PluginSource,
    ProviderSource,
    Source,
    TokenFileSource,
    bearer,
    provider_loader,
)
from k8sops.cluster.credentials_tls import (
    ClientCertificate,
    Trust,
    authority_pins,
    client_certificate_of,
    context_of,
    expiry_of,
    trust_of,
)
from k8sops.cluster.exec_plugin import ExecCredential, ExecSpec, run_plugin, run_plugin_at_terminal
from k8sops.cluster.identity import Impersonation, checked, impersonation_of
from k8sops.core.clock import Clock, SystemClock
from k8sops.core.errors import UnknownContextError, UsageError

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
IN_CLUSTER_CONTEXT: Final = "in-cluster"


class Grant(msgspec.Struct, frozen=True):
    """What one request needs: header pairs and the TLS context. Secret: not to be stored or shown."""

    headers: tuple[tuple[str, str], ...]
    ssl: ssl.SSLContext | bool
    generation: int

    def __repr__(self) -> str:
        return f"Grant(generation={self.generation})"


class Credentials:
    """Server, context and identity of one connection; `load_credentials` makes it."""

    def __init__(
        self,
        *,
        server: str,
        context: str,
        username: str,
        namespace: str,
        source: Source,
        trust: Trust,
        tls_server_name: str = "",
        proxy: str = "",
        impersonation: Impersonation | None = None,
        clock: Clock | None = None,
        at_terminal: Callable[[], Awaitable[ExecCredential]] | None = None,
    ) -> None:
        self.server: Final = server
        self.context: Final = context
        self.username: Final = username
        """The kubeconfig's name for the user, which is not what the API server calls them."""
        self.namespace: Final = namespace or "default"
        self.tls_server_name: Final = tls_server_name
        self.proxy: Final = proxy
        self.impersonation: Final = impersonation or Impersonation()
        self.notes: Final = _notes(trust, server)
        self.authorities: Final = authority_pins(trust)
        """Every authority a server may be vouched for by, as policies pin them; empty where that is anybody's."""
        self.authority_fingerprint: Final = hashlib.sha256(trust.authority).hexdigest()
        self._source = source
        self._at_terminal = at_terminal
        self._trust = trust
        self._clock = clock or SystemClock()
        self._lock = asyncio.Lock()
        self._tls: tuple[ClientCertificate | None, ssl.SSLContext] | None = None

    def __repr__(self) -> str:
        return f"Credentials(context={self.context!r}, server={self.server!r})"

    async def grant(self) -> Grant:
        """What the next request needs. Raises CredentialsError where it cannot be had."""
        material = await self._source.material()
        headers = (("Authorization", material.authorization),) if material.authorization else ()
        return Grant(headers, await self._tls_context(material.client), material.generation)

    async def sign_in(self) -> ExecCredential:
        """Run the credential plugin on the terminal, which the caller has freed, and use what it gives from now on.

        Raises CredentialsError where it fails, UsageError where no plugin gives these credentials.
        """
        if self._at_terminal is None or not isinstance(self._source, PluginSource):
            raise UsageError(
                f"no credential plugin gives the credentials of context {self.context!r}",
                hint="log in with the tool that wrote the kubeconfig",
            )
        held = await self._at_terminal()
        await self._source.sign_in(held)
        return held

    async def take(self, held: ExecCredential) -> None:
        """Use what `sign_in` gave elsewhere for the same user; nothing where no plugin is used."""
        if isinstance(self._source, PluginSource):
            await self._source.sign_in(held)

    async def renew(self, refused: Grant) -> bool:
        """After a 401: True if a new grant is worth one more try. Raises CredentialsError."""
        return await self._source.renew(refused.generation)

    async def client_certificate_ends(self) -> datetime | None:
        """When the client certificate ends to be valid; None where there is none. Raises CredentialsError."""
        client = (await self._source.material()).client
        return await asyncio.to_thread(expiry_of, client) if client else None

    async def refusal_reason(self) -> str:
        """One sentence on why a 401 came, where we can tell by ourselves; else empty."""
        ends = await self.client_certificate_ends()
        if ends is None or ends > self._clock.now():
            return ""
        return (
            f"the client certificate of user {self.username!r} (context {self.context!r})"
            f" expired on {ends:%Y-%m-%d %H:%M} UTC"
        )

    async def _tls_context(self, client: ClientCertificate | None) -> ssl.SSLContext | bool:
        if self.server.startswith("http://"):
            return True
        async with self._lock:
            if self._tls is None or self._tls[0] is not client:
                self._tls = (client, await asyncio.to_thread(context_of, self._trust, client))
            return self._tls[1]


async def load_credentials(
    *,
    kubeconfig: Sequence[Path] | None = None,
    context: str | None = None,
    impersonate: Impersonation | None = None,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
) -> Credentials:
    """Read kubeconfig files (None: KUBECONFIG, ~/.kube/config, else the pod's service account) and pick a context.

    Raises UsageError (unreadable or malformed), UnknownContextError, CredentialsError (a certificate is unusable).
    """
    env = os.environ if environ is None else environ
    clock = clock or SystemClock()
    given = checked(impersonate) if impersonate else None
    return await asyncio.to_thread(_load, kubeconfig, context, given, clock, dict(env))


def _load(
    kubeconfig: Sequence[Path] | None,
    context: str | None,
    impersonate: Impersonation | None,
    clock: Clock,
    environ: Mapping[str, str],
) -> Credentials:
    paths = tuple(kubeconfig) if kubeconfig is not None else default_paths(environ)
    if not paths:
        return _in_cluster(context, impersonate, clock, environ)
    chosen = read_kubeconfig(paths).choose(context)
    server = _server_of(chosen)
    return Credentials(
        server=server,
        context=chosen.name,
        username=chosen.context.user,
        namespace=chosen.context.namespace,
        source=_source_of(chosen, clock, environ),
        trust=trust_of(chosen),
        tls_server_name=chosen.cluster.tls_server_name,
        proxy=proxy_for(server, chosen.cluster.proxy_url, environ),
        impersonation=impersonate or impersonation_of(chosen.user),
        clock=clock,
        at_terminal=_at_terminal(chosen, environ),
    )


def _server_of(chosen: Chosen) -> str:
    server = chosen.cluster.server.rstrip("/")
    try:
        parts = urlsplit(server)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid or not server.isprintable() or "@" in parts.netloc:
        raise UsageError(f"context {chosen.name!r}: {server!r} is not the URL of an API server")
    return server


def _source_of(chosen: Chosen, clock: Clock, environ: Mapping[str, str]) -> Source:
    """The first of: auth provider, token, plugin, password, certificate alone (the loader's own order)."""
    user = chosen.user
    client = client_certificate_of(chosen)
    if user.get("auth-provider"):
        name = str(user["auth-provider"].get("name") or "")
        return ProviderSource(provider_loader(user, chosen.user_folder), client, name)
    if user.get("tokenFile"):
        return TokenFileSource(chosen.user_folder / Path(str(user["tokenFile"])).expanduser(), client, clock)
    if user.get("token"):
        authorization = bearer(str(user["token"]).strip(), f"user {chosen.context.user!r}")
        return FixedSource(Material(authorization=authorization, client=client))
    if user.get("exec"):
        return _plugin_of(chosen, client, clock, environ)
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password') or ''}".encode()
        basic = f"Basic {base64.b64encode(pair).decode()}"
        return FixedSource(Material(authorization=basic, client=client))
    return FixedSource(Material(client=client))


def _plugin_of(
    chosen: Chosen, client: ClientCertificate | None, clock: Clock, environ: Mapping[str, str]
) -> PluginSource:
    spec = _spec_of(chosen)
    cluster = _cluster_for_plugin(chosen)

    async def run() -> ExecCredential:
        return await run_plugin(spec, folder=chosen.user_folder, cluster=cluster, environ=environ)

    return PluginSource(run, client, clock)


def _at_terminal(
    chosen: Chosen, environ: Mapping[str, str]
) -> Callable[[], Awaitable[ExecCredential]] | None:
    if not chosen.user.get("exec"):
        return None
    spec, cluster = _spec_of(chosen), _cluster_for_plugin(chosen)
    return lambda: run_plugin_at_terminal(spec, folder=chosen.user_folder, cluster=cluster, environ=environ)


def _spec_of(chosen: Chosen) -> ExecSpec:
    try:
        given = {key: value for key, value in chosen.user["exec"].items() if value is not None}
        return msgspec.convert(given, ExecSpec, strict=False)
    except (msgspec.ValidationError, AttributeError) as error:
        raise UsageError(f"kubeconfig: exec of user {chosen.context.user!r}: {error}") from error


def _cluster_for_plugin(chosen: Chosen) -> dict[str, Any]:
    """`spec.cluster` of ExecCredential, for plugins with provideClusterInfo."""
    entry = chosen.cluster
    authority = trust_of(chosen).authority
    told: dict[str, Any] = {
        "server": entry.server,
        "tls-server-name": entry.tls_server_name,
        "insecure-skip-tls-verify": entry.insecure_skip_tls_verify,
        "certificate-authority-data": base64.b64encode(authority).decode(),
        "proxy-url": entry.proxy_url,
    }
    for extension in entry.extensions:
        if extension.get("name") == "client.authentication.k8s.io/exec":
            told["config"] = extension.get("extension")
    return {key: value for key, value in told.items() if value}


def _in_cluster(
    context: str | None, impersonate: Impersonation | None, clock: Clock, environ: Mapping[str, str]
) -> Credentials:
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    folder = Path(environ.get("K8SOPS_SERVICE_ACCOUNT_DIR") or SERVICE_ACCOUNT)
    if not host or not port or not (folder / "token").exists():
        raise UsageError(
            "there is no kubeconfig",
            hint="set KUBECONFIG or pass --kubeconfig; `k8sops sandbox up` makes a cluster to try things on",
        )
    if context not in {None, "", IN_CLUSTER_CONTEXT}:
        raise UnknownContextError(
            f"there is no context {context!r}: there is no kubeconfig",
            hint=f"contexts there: {IN_CLUSTER_CONTEXT}",
        )
    try:
        authority = (folder / "ca.crt").read_bytes()
    except OSError as error:
        raise UsageError(f"{folder / 'ca.crt'} cannot be read: {error.strerror}") from error
    namespace = folder / "namespace"
    return Credentials(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        context=IN_CLUSTER_CONTEXT,
        username="service account",
        namespace=namespace.read_text("utf-8").strip() if namespace.exists() else "",
        source=TokenFileSource(folder / "token", None, clock),
        trust=Trust(authority=authority),
        impersonation=impersonate,
        clock=clock,
    )


def _notes(trust: Trust, server: str) -> tuple[str, ...]:
    if server.startswith("http://"):
        return (f"{server} is spoken to without TLS, as the kubeconfig says",)
    if not trust.verify:
        return (f"the certificate of {server} is not verified (insecure-skip-tls-verify in the kubeconfig)",)
    return ()
