"""A mirror of release files, over HTTP: text of a checksum file, and large files streamed to disk.

TLS is verified against the system's authorities; http is taken where the address says so, but a redirect never leads
from https to it. Proxies come from the environment, as pip and Go take them. Nothing is tried twice: who asks again
finds what is there already. Messages name the file asked for, never credentials nor where a redirect led.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
from yarl import URL

from k8sops.core.errors import SandboxError, TlsError, UnreachableError, UsageError

MIRROR_VARIABLE: Final = "K8SOPS_ASSETS_URL"
MOST_BYTES: Final = 512 * 1024 * 1024
"""Of one file; the largest there is has about 110 MB."""
MOST_TEXT_BYTES: Final = 1024 * 1024
_MOST_REDIRECTS: Final = 5
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_CHUNK_BYTES: Final = 1024 * 1024
_OTHER_WAY: Final = f"unset {MIRROR_VARIABLE} to build the binaries instead"


class Patience(msgspec.Struct, frozen=True):
    """How long to wait for a mirror, in seconds."""

    connect: float = 20.0
    stall: float = 60.0
    """Without a byte."""


def mirror_address() -> URL | None:
    """The mirror that the environment names, if it does. Raises UsageError for what is no address of one."""
    text = os.environ.get(MIRROR_VARIABLE, "").strip()
    if not text:
        return None
    try:
        address = URL(text)
        valid = address.scheme in {"http", "https"} and bool(address.host)
    except ValueError:
        valid = False
    if not valid or address.query_string or address.fragment:
        # The text itself may hold a password.
        raise UsageError(
            f"{MIRROR_VARIABLE} is no address of a mirror",
            hint="it looks like https://mirror.example/kubernetes, without ? and #",
        )
    return address


class Mirror:
    """Files below one address; made by `open_mirror`."""

    def __init__(self, address: URL, session: aiohttp.ClientSession, patience: Patience) -> None:
        self._address: Final = address
        self._session: Final = session
        self._patience: Final = patience
        self.name: Final = str(address.with_user(None))
        """The address without credentials, for messages."""

    async def text(self, path: str) -> str:
        """A small file, such as one of checksums. Raises SandboxError or UnreachableError."""
        content = bytearray()
        async with await self._open(path) as response:
            while chunk := await self._more(response, path, len(content)):
                content += chunk
                if len(content) > MOST_TEXT_BYTES:
                    raise self._too_large(path, MOST_TEXT_BYTES)
        return content.decode("utf-8", "replace")

    async def download(self, path: str, target: Path, told: Callable[[int, int], None]) -> str:
        """Stream a file to disk and force it out; its SHA-256 in hex.

        `told` hears the bytes received and the bytes to come in all (0: the mirror does not say).
        Raises SandboxError (not there, cut off, too large, disk full), UnreachableError.
        """
        digest, received = hashlib.sha256(), 0
        async with await self._open(path) as response:
            size = response.content_length or 0
            if size > MOST_BYTES:
                raise self._too_large(path, MOST_BYTES)
            told(0, size)
            try:
                file = await asyncio.to_thread(target.open, "wb")
                try:
                    while chunk := await self._more(response, path, received):
                        received += len(chunk)
                        if received > MOST_BYTES:
                            raise self._too_large(path, MOST_BYTES)
                        await asyncio.to_thread(file.write, chunk)
                        await asyncio.to_thread(digest.update, chunk)
                        told(received, size)
                    await asyncio.to_thread(file.flush)
                    await asyncio.to_thread(os.fsync, file.fileno())
                finally:
                    file.close()
            except OSError as error:
                raise SandboxError(
                    f"{path} cannot be kept: {error.strerror or error}",
                    hint=f"K8SOPS_CACHE moves the cache; this was to go to {target.parent.parent}",
                ) from error
        return digest.hexdigest()

    async def _open(self, path: str) -> aiohttp.ClientResponse:
        """The answer with the file in it, after all redirects."""
        url = self._address.joinpath(*path.split("/"))
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                response = await self._session.get(url, allow_redirects=False)
            except (aiohttp.ClientError, OSError) as error:
                raise self._unreachable(error) from error
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or not location:
                if response.status == 200:
                    return response
                response.close()
                raise self._refused(path, response.status)
            response.close()
            url = self._next(path, url, location)
        raise SandboxError(
            f"the mirror {self.name} redirects {path} again and again",
            hint=f"mend the mirror, or {_OTHER_WAY}",
        )

    def _next(self, path: str, url: URL, location: str) -> URL:
        try:
            target = url.join(URL(location))
            allowed = target.scheme == "https" or (target.scheme == "http" and url.scheme == "http")
        except ValueError:
            allowed = False
        if not allowed or not target.host:
            raise SandboxError(
                f"the mirror {self.name} redirects {path} to where it is not followed",
                hint=f"redirects lead to https, from http also to http; or {_OTHER_WAY}",
            )
        return target

    async def _more(self, response: aiohttp.ClientResponse, path: str, received: int) -> bytes:
        """The next bytes, none at the true end."""
        size = response.content_length
        of = f" of {size}" if size else ""
        try:
            return await response.content.read(_CHUNK_BYTES)
        except TimeoutError as error:
            raise SandboxError(
                f"the mirror {self.name} sent nothing more of {path} for {self._patience.stall:.0f} s, after "
                f"{received}{of} bytes",
                hint=f"try again: what is complete is kept; or {_OTHER_WAY}",
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise SandboxError(
                f"the download of {path} from {self.name} was cut off after {received}{of} bytes",
                hint=f"try again: what is complete is kept; or {_OTHER_WAY}",
            ) from error

    def _unreachable(self, error: Exception) -> UnreachableError:
        if isinstance(error, aiohttp.ClientSSLError):
            cause = getattr(error, "certificate_error", error)
            why = getattr(cause, "verify_message", None) or getattr(cause, "reason", None) or "no TLS"
            return TlsError(
                f"the certificate of the mirror {self.name} cannot be verified: {why}",
                hint=f"SSL_CERT_FILE names the authority of an internal one; or {_OTHER_WAY}",
            )
        if isinstance(error, TimeoutError):
            why = "no answer in time"
        elif isinstance(error, aiohttp.ServerDisconnectedError):
            why = "it closed the connection without an answer"
        else:
            why = getattr(error, "strerror", None) or "it does not speak HTTP as a mirror does"
        return UnreachableError(
            f"the mirror {self.name} cannot be reached: {why}",
            hint=f"check {MIRROR_VARIABLE} and the network; or {_OTHER_WAY}",
        )

    def _refused(self, path: str, status: int) -> SandboxError:
        if status in {404, 410}:
            return SandboxError(
                f"the mirror {self.name} has no {path}",
                hint=f"docs/sandbox.md lists what a mirror holds; or {_OTHER_WAY}",
            )
        return SandboxError(
            f"the mirror {self.name} answered {status} for {path}",
            hint=f"check {MIRROR_VARIABLE} and your rights there; or {_OTHER_WAY}",
        )

    def _too_large(self, path: str, most: int) -> SandboxError:
        return SandboxError(
            f"{path} of the mirror {self.name} has more than the {most} bytes that are taken",
            hint=f"mend the mirror, or {_OTHER_WAY}",
        )


@asynccontextmanager
async def open_mirror(address: URL, patience: Patience | None = None) -> AsyncIterator[Mirror]:
    """A mirror to fetch from, with its connections."""
    waits = patience or Patience()
    timeout = aiohttp.ClientTimeout(
        total=None, connect=waits.connect, sock_connect=waits.connect, sock_read=waits.stall
    )
    session = aiohttp.ClientSession(
        timeout=timeout,
        headers={"Accept-Encoding": "identity", "User-Agent": "k8sops"},
        # The digest is over the file as it is released, packed or not.
        auto_decompress=False,
        trust_env=True,
        read_bufsize=_CHUNK_BYTES,
    )
    async with session:
        yield Mirror(address, session, waits)
