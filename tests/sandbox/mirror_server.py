"""A mirror of release files on loopback, over real HTTP, that can also do what a mirror should not."""

from __future__ import annotations

import asyncio
import hashlib
import io
import ssl
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from k8sops.sandbox.releases import release_of, this_machine
from k8sops.sandbox.versions import BY_NAME


def program(says: str) -> bytes:
    """An executable that says a version, as long as a release is padded, so that it comes in several pieces."""
    return f"#!/bin/sh\necho '{says}'\nexit 0\n".encode() + b"#" * 300_000


def archive(members: dict[str, bytes]) -> bytes:
    """A gzipped tar archive of plain files."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz", compresslevel=1) as tar:
        for name, content in members.items():
            tar.addfile(entry(name, len(content)), io.BytesIO(content))
    return made.getvalue()


def entry(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname, info.mode = size, kind, link, 0o755
    return info


class MirrorServer:
    """Its files by path, what was asked of it, and what it does wrong."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.authorizations: list[str | None] = []
        self.url = ""
        self.cut: set[str] = set()
        """Paths of which half is sent, and then the connection ends."""
        self.stalls: set[str] = set()
        """Paths of which half is sent, and then nothing more until `release` is called."""
        self.says_size = True
        self.elsewhere: dict[str, str] = {}
        """Redirects by path."""
        self._released = asyncio.Event()
        for name in BY_NAME:
            release = release_of(name, this_machine())
            content = program(f"{name} v{release.version}")
            if not release.folder:
                self.put(release.path, content)
                continue
            programs = {
                f"{release.folder}/{each}": program(f"{each} {release.version}") for each in release.binaries
            }
            self.put(release.path, archive({f"{release.folder}/README.md": b"read me", **programs}))

    def put(self, path: str, content: bytes) -> None:
        """A file and its checksum, in the form its project publishes."""
        release = next(r for r in (release_of(name, this_machine()) for name in BY_NAME) if r.path == path)
        digest = hashlib.sha256(content).hexdigest()
        self.files[path] = content
        others = f"{'0' * 64}  another-file.zip\n"
        named = f"{others}{digest}  {release.file}\n" if release.folder else digest
        self.files[release.checksums] = named.encode()

    def release(self) -> None:
        """Send the rest of what stalls, now and later."""
        self._released.set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        path = request.path.removeprefix("/releases/")
        self.asked.append(path)
        self.authorizations.append(request.headers.get("Authorization"))
        if path in self.elsewhere:
            return web.Response(status=302, headers={"Location": self.elsewhere[path]})
        content = self.files.get(path)
        if content is None:
            return web.Response(status=404, text="no such file")
        if path not in self.cut and path not in self.stalls:
            return web.Response(body=content)
        response = web.StreamResponse()
        if self.says_size:
            response.content_length = len(content)
        await response.prepare(request)
        half = len(content) // 2
        await response.write(content[:half])
        if path in self.cut:
            assert request.transport is not None
            request.transport.close()
            return response
        await self._released.wait()
        await response.write(content[half:])
        return response


@asynccontextmanager
async def mirror_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[MirrorServer]:
    """The mirror, on a port of its own, until the end of the block."""
    server = MirrorServer()
    application = web.Application()
    application.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/releases"
    try:
        yield server
    finally:
        server.release()
        await runner.cleanup()
