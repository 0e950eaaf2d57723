"""Storage servers for one test run: each on 127.0.0.1, in a folder of its own, ended with it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import io
import json
import random
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

import aiohttp
from aiohttp import web
from yarl import URL

from tests.support import emulators

KEY, SECRET = "AKWRITER", "writer-secret-3141592653"
READER_KEY, READER_SECRET = "AKREADER", "reader-secret-2718281828"
# The account and key that Azurite's documentation publishes.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@contextmanager
def seaweed(folder: Path) -> Iterator[str]:
    """An S3 server with a writer and a reader; its endpoint."""
    rights = {"AKWRITER": ["Admin", "Read", "Write", "List", "Tagging"], "AKREADER": ["Read", "List"]}
    held = {KEY: SECRET, READER_KEY: READER_SECRET}
    people = [
        {"name": key, "credentials": [{"accessKey": key, "secretKey": held[key]}], "actions": actions}
        for key, actions in rights.items()
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": people}))
    (folder / "data").mkdir()
    s3, *others = _free_ports(8)
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
    named = dict(zip((*names, "filer.port", "filer.port.grpc", "s3.port.grpc"), others, strict=True))
    command = [
        *(
            str(emulators.weed()),
            "server",
            f"-dir={folder}/data",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-s3",
        ),
        *(f"-s3.port={s3}", "-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={folder}/s3.json"),
        *(
            "-s3.autoCreateBucket=false",
            "-master.volumeSizeLimitMB=64",
            "-volume.max=200",
            "-master.telemetry=false",
        ),
        *(f"-{name}={port}" for name, port in named.items()),
    ]
    with _running(command, folder, f"http://127.0.0.1:{s3}", ready=b"AccessDenied"):
        yield f"http://127.0.0.1:{s3}"


@contextmanager
def azurite(folder: Path) -> Iterator[str]:
    """An Azure Blob emulator; the endpoint of its one account."""
    (port,) = _free_ports(1)
    command = [
        *(
            str(emulators.node()),
            str(emulators.azurite()),
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
            str(port),
        ),
        *("--location", str(folder), "--silent", "--skipApiVersionCheck", "--disableTelemetry"),
    ]
    with _running(command, folder, f"http://127.0.0.1:{port}"):
        yield f"http://127.0.0.1:{port}/{ACCOUNT}"


@contextmanager
def fake_gcs(folder: Path) -> Iterator[str]:
    """A Google Cloud Storage emulator; its endpoint."""
    (port,) = _free_ports(1)
    at = f"127.0.0.1:{port}"
    command = [
        *(str(emulators.fake_gcs()), "-scheme", "http", "-backend", "memory", "-host", "127.0.0.1"),
        *("-port", str(port), "-public-host", at, "-external-url", f"http://{at}"),
    ]
    with _running(command, folder, f"http://{at}/storage/v1/b"):
        yield f"http://{at}"


async def make_container(endpoint: str, name: str) -> None:
    """Make a container in the Azure emulator."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06", "Content-Length": "0"}
    text = "PUT" + "\n" * 12 + f"x-ms-date:{headers['x-ms-date']}\nx-ms-version:{headers['x-ms-version']}\n"
    text += f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    signature = base64.b64encode(hmac.digest(base64.b64decode(ACCOUNT_KEY), text.encode(), hashlib.sha256))
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{signature.decode()}"
    async with (
        aiohttp.ClientSession() as session,
        session.put(
            f"{endpoint}/{name}?restype=container", headers=headers, skip_auto_headers=["Content-Type"]
        ) as answer,
    ):
        assert answer.status == 201, await answer.text()


async def make_gcs_bucket(endpoint: str, name: str) -> None:
    """Make a bucket in the Google emulator."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{endpoint}/storage/v1/b?project=test", json={"name": name}) as answer,
    ):
        assert answer.status == 200, await answer.text()


def gcs_account(endpoint: str) -> str:
    """The file of credentials for the Google emulator, which checks none."""
    account = {"type": "service_account", "disable_oauth": True, "gcs_base_url": endpoint}
    return json.dumps({**account, "client_email": "", "private_key": "", "private_key_id": ""})


class XmlFront:
    """Google's XML API in front of fake-gcs-server, which knows PUT of an object by the JSON API only.

    A conditional XML PUT becomes a JSON upload under the same condition; everything else goes through as it is.
    """

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self.endpoint = ""

    async def __aenter__(self) -> XmlFront:
        self._session = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.endpoint = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _answer(self, request: web.Request) -> web.Response:
        method, target = request.method, f"{self._upstream}{request.raw_path}"
        headers = {k: v for k, v in request.headers.items() if k.lower() in ("range", "authorization")}
        body = await request.read()
        if method == "PUT":
            bucket, _, name = request.raw_path.lstrip("/").partition("/")
            wanted = request.headers.get("x-goog-if-generation-match")
            condition = f"&ifGenerationMatch={wanted}" if wanted is not None else ""
            method = "POST"
            # The emulator looks at the condition of multipart uploads only: metadata, then the bytes.
            target = (
                f"{self._upstream}/upload/storage/v1/b/{bucket}/o?uploadType=multipart&name={name}{condition}"
            )
            mark = secrets.token_hex(16)
            headers["Content-Type"] = f"multipart/related; boundary={mark}"
            part = f"--{mark}\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--{mark}\r\n"
            part += "Content-Type: application/octet-stream\r\n\r\n"
            body = part.encode() + body + f"\r\n--{mark}--\r\n".encode()
        async with self._session.request(
            method, URL(target, encoded=True), data=io.BytesIO(body), headers=headers
        ) as answer:
            body = await answer.read()
            kept = {
                k: v
                for k, v in answer.headers.items()
                if k.lower() not in ("transfer-encoding", "connection")
            }
            if request.method == "PUT" and answer.status == 200:
                found = json.loads(body)
                kept, body = {"ETag": found.get("etag") or f'"{found["generation"]}"'}, b""
            return web.Response(status=answer.status, headers=kept, body=body or None)


@contextmanager
def _running(command: list[str], folder: Path, url: str, *, ready: bytes = b"") -> Iterator[None]:
    log = folder / "server.log"
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=folder)
    try:
        _wait(server, url, ready, log)
        yield
    finally:
        # What it holds was for this run; asked politely, some wait for every open connection.
        server.kill()
        server.wait()


def _wait(server: subprocess.Popen[bytes], url: str, ready: bytes, log: Path) -> None:
    host, port = url.split("/")[2].split(":")
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=10) as probe:
            probe.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b""
            while part := probe.recv(65536):
                answer += part
            if answer.startswith(b"HTTP/1.1") and ready in answer:
                return
        time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer:\n{log.read_text(errors='replace')[-2000:]}")


def _free_ports(count: int) -> list[int]:
    """Below the range that the kernel hands out by itself, so that no connection takes one in between."""
    found: list[int] = []
    with contextlib.ExitStack() as held:
        while len(found) < count:
            port = random.SystemRandom().randrange(20_000, 32_000)
            probe = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
    return found
