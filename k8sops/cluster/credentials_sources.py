"""Where the secret part of credentials comes from, and how it is renewed: fixed, a file, a plugin, OIDC.

A source hands out `Material` with a generation number. `renew` is told which generation was refused, so that
many requests refused at once cause one renewal. Tokens stay in memory and out of every repr.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from k8sops.cluster.credentials_tls import ClientCertificate
from k8sops.cluster.exec_plugin import ExecCredential
from k8sops.cluster.one_line import one_line
from k8sops.core.clock import Clock
from k8sops.core.errors import CredentialsError

TOKEN_FILE_REREAD_S: Final = 60.0
PROVIDER_TIMEOUT_S: Final = 30.0
EXPIRY_MARGIN: Final = timedelta(seconds=5)
"""Renewed this long before the end, so that a request under way is not refused."""


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """The secret part of credentials. `authorization` is a whole header value."""

    authorization: str = ""
    client: ClientCertificate | None = None
    generation: int = 0

    def __repr__(self) -> str:
        return f"Material(generation={self.generation})"


class Source(Protocol):
    """A source of material."""

    async def material(self) -> Material:
        """What is valid now; renewed first where it has expired. Raises CredentialsError."""
        ...

    async def renew(self, refused: int) -> bool:
        """Called after a 401 with the refused generation: True if there is other material to try."""
        ...


class FixedSource:
    """A token, a password or a client certificate that stands in the kubeconfig."""

    def __init__(self, material: Material) -> None:
        self._material = material

    async def material(self) -> Material:
        """The same, always."""
        return self._material

    async def renew(self, refused: int) -> bool:
        """Never: nothing else is to be had."""
        del refused
        return False


class TokenFileSource:
    """A token in a file that somebody else rotates (in a pod: the kubelet), read again each minute."""

    def __init__(self, path: Path, client: ClientCertificate | None, clock: Clock) -> None:
        self._path = path
        self._client = client
        self._clock = clock
        self._read_at = float("-inf")
        self._material = Material()

    async def material(self) -> Material:
        """The token as last read, at most a minute old."""
        if self._clock.monotonic() - self._read_at >= TOKEN_FILE_REREAD_S:
            await self._read()
        return self._material

    async def renew(self, refused: int) -> bool:
        """Read at once; True if the token is another one by now."""
        if self._material.generation == refused:
            await self._read()
        return self._material.generation != refused

    async def _read(self) -> None:
        try:
            token = (await asyncio.to_thread(self._path.read_text, "utf-8")).strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not text"
            raise CredentialsError(f"token file {self._path} cannot be read: {reason}") from error
        if not token:
            raise CredentialsError(f"token file {self._path} is empty")
        self._read_at = self._clock.monotonic()
        authorization = bearer(token, f"token file {self._path}")
        if authorization != self._material.authorization:
            self._material = Material(
                authorization=authorization, client=self._client, generation=self._material.generation + 1
            )


class PluginSource:
    """A credential plugin's answer, kept until it expires."""

    def __init__(
        self, run: Callable[[], Awaitable[ExecCredential]], client: ClientCertificate | None, clock: Clock
    ) -> None:
        self._run = run
        self._client = client
        self._clock = clock
        self._lock = asyncio.Lock()
        self._held: ExecCredential | None = None
        self._material = Material()

    async def material(self) -> Material:
        """The kept answer, or a new one."""
        if self._expired():
            async with self._lock:
                if self._expired():
                    await self._obtain()
        return self._material

    async def sign_in(self, held: ExecCredential) -> None:
        """Take what a person has obtained by hand in place of what was kept."""
        async with self._lock:
            self._take(held)

    async def renew(self, refused: int) -> bool:
        """Run the plugin again, once for all requests that were refused with the same material."""
        async with self._lock:
            if self._material.generation == refused:
                await self._obtain()
        return True

    def _expired(self) -> bool:
        if self._held is None:
            return True
        return self._held.expires is not None and self._clock.now() + EXPIRY_MARGIN >= self._held.expires

    async def _obtain(self) -> None:
        self._take(await self._run())

    def _take(self, held: ExecCredential) -> None:
        client = self._client
        if held.certificate:
            client = ClientCertificate(held.certificate.encode(), held.key.encode())
        self._material = Material(
            authorization=bearer(held.token, "the credential plugin") if held.token else "",
            client=client,
            generation=self._material.generation + 1,
        )
        self._held = held


class ProviderSource:
    """The kubeconfig's `auth-provider` (OIDC), refreshed by the `kubernetes` package's loader in a thread."""

    def __init__(self, load: Callable[[], str], client: ClientCertificate | None, name: str) -> None:
        self._load = load
        self._client = client
        self._name = name
        self._lock = asyncio.Lock()
        self._material = Material()

    async def material(self) -> Material:
        """The id token; the loader looks at its expiry each time and refreshes it when needed."""
        async with self._lock:
            try:
                async with asyncio.timeout(PROVIDER_TIMEOUT_S):
                    authorization = await asyncio.to_thread(self._load)
            except TimeoutError as error:
                raise CredentialsError(
                    f"auth provider {self._name!r} gave no token within {PROVIDER_TIMEOUT_S:g} s"
                ) from error
            if authorization != self._material.authorization:
                self._material = Material(
                    authorization=authorization,
                    client=self._client,
                    generation=self._material.generation + 1,
                )
        return self._material

    async def renew(self, refused: int) -> bool:
        """True if the loader gives another token by now."""
        return (await self.material()).generation != refused


def bearer(token: str, whence: str) -> str:
    """The Authorization header value. Raises CredentialsError where the token cannot be a header."""
    if not token.isascii() or not token.isprintable() or " " in token:
        raise CredentialsError(f"the token of {whence} contains characters no token has")
    return f"Bearer {token}"


def provider_loader(user: Mapping[str, Any], folder: Path) -> Callable[[], str]:
    """A blocking function giving the Authorization value of an `auth-provider` entry. Raises CredentialsError."""
    provider = user["auth-provider"]
    name = str(provider.get("name") or "")
    config = dict(provider.get("config") or {})
    if name == "oidc" and not {"idp-certificate-authority", "idp-certificate-authority-data"} & config.keys():
        import certifi  # noqa: PLC0415

        # Without an authority the loader would talk to the identity provider unverified.
        config["idp-certificate-authority"] = certifi.where()
    entry = {"name": "c", "cluster": {"server": "https://unused.invalid"}}
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        "clusters": [entry],
        "users": [{"name": "c", "user": {"auth-provider": {"name": name, "config": config}}}],
    }

    def load() -> str:
        from kubernetes.config import kube_config  # noqa: PLC0415 - 0.4 s, and few kubeconfigs need it

        make_loader: Any = kube_config.KubeConfigLoader
        try:
            loader = make_loader(document, config_base_path=str(folder))
            token = str(loader._load_auth_provider_token() or "")
        except Exception as error:
            # The loader leaks the errors of several HTTP libraries, whose texts may quote the token.
            raise CredentialsError(
                f"auth provider {one_line(name, 80)!r} failed ({type(error).__name__})",
                hint="log in again with the tool that wrote the kubeconfig",
            ) from error
        if not token:
            raise CredentialsError(
                f"auth provider {one_line(name, 80)!r} gave no token",
                hint="log in again with the tool that wrote the kubeconfig, or use a credential plugin",
            )
        return token

    return load
