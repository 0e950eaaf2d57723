"""Exec over WebSockets: both protocol versions, output and exit codes, and every way it can be refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiohttp import WSMsgType, web

from k8sops.cluster.transport import Transport
from k8sops.cluster.websocket_exec import STDOUT, V4, V5, exit_code_of, open_exec, run_command
from k8sops.core.errors import (
    ClusterError,
    DeadlineError,
    ForbiddenError,
    InvalidError,
    K8sOpsError,
    UnreachableError,
)
from tests.cluster.scripted_api import serving
from tests.cluster.test_logs import running_pod
from tests.support.clients import transport_of

PATH = "/api/v1/namespaces/shop/pods/web/exec"
FAILURE = {
    "status": "Failure",
    "reason": "NonZeroExitCode",
    "details": {"causes": [{"reason": "ExitCode", "message": "3"}]},
}


class Kubelet:
    """The far end of an exec, as far as the protocol goes: `cat` copies stdin, `fail` exits 3, `hang` hangs."""

    def __init__(self, protocols: Sequence[str]) -> None:
        self.protocols = protocols
        self.queries: list[list[tuple[str, str]]] = []
        self.sizes: list[bytes] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(list(request.query.items()))
        command = request.query.getall("command")
        if command == ["refuse"]:
            return web.Response(status=403, text="no")
        socket = web.WebSocketResponse(protocols=self.protocols)
        await socket.prepare(request)
        if command == ["cat"]:
            await self._cat(socket)
        elif command == ["hang"]:
            await socket.receive()
        elif command != ["vanish"]:
            await socket.send_bytes(b"\x01" + b"out" * 5)
            await socket.send_bytes(b"\x02err")
            status = FAILURE if command == ["fail"] else {"status": "Success"}
            await socket.send_bytes(b"\x03" + msgspec.json.encode(status))
        await socket.close()
        return socket

    async def _cat(self, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            assert message.type is WSMsgType.BINARY
            if message.data == b"\xff\x00":
                await socket.send_bytes(b"\x03" + b'{"status":"Success"}')
                return
            if message.data[0] == 4:
                self.sizes.append(message.data[1:])
            else:
                await socket.send_bytes(b"\x01" + message.data[1:])


@asynccontextmanager
async def kubelet(folder: Path, *protocols: str) -> AsyncIterator[tuple[Kubelet, Transport]]:
    far = Kubelet(protocols)
    app = web.Application()
    app.router.add_get(PATH, far.handle)
    async with serving(app, folder) as transport:
        yield far, transport


@pytest.mark.parametrize("protocol", [V5, V4])
async def test_output_and_exit_code_come_back(tmp_path: Path, protocol: str) -> None:
    """v5 is the norm since 1.30; v4 is what older servers speak."""
    async with kubelet(tmp_path, protocol) as (far, transport):
        result = await run_command(transport, PATH, ["ls", "-l", "a b"], container="app")
        assert (result.exit_code, result.stdout, result.stderr, result.cut) == (0, b"out" * 5, b"err", 0)
        assert [value for name, value in far.queries[0] if name == "command"] == ["ls", "-l", "a b"]
        assert ("container", "app") in far.queries[0]
        assert (await run_command(transport, PATH, ["fail"])).exit_code == 3


async def test_stdin_is_sent_and_ended(tmp_path: Path) -> None:
    """Without the end of stdin `cat` never ends: that is what v5 brought."""
    async with (
        kubelet(tmp_path, V5) as (far, transport),
        open_exec(transport, PATH, ["cat"], stdin=True) as session,
    ):
        await session.resize(120, 40)
        await session.send(b"hello")
        async with aclosing(session.output()) as output:
            assert (await anext(output)) == (STDOUT, b"hello")
            await session.close_stdin()
            assert [piece async for piece in output] == []
        assert session.exit_code == 0
        assert msgspec.json.decode(far.sizes[0]) == {"Width": 120, "Height": 40}


async def test_v4_says_that_it_cannot_end_stdin(tmp_path: Path) -> None:
    """Silence would leave the caller waiting for ever."""
    async with (
        kubelet(tmp_path, V4) as (_, transport),
        open_exec(transport, PATH, ["cat"], stdin=True) as session,
    ):
        with pytest.raises(InvalidError, match="cannot end stdin"):
            await session.close_stdin()


async def test_output_is_bounded_and_says_what_it_left_out(tmp_path: Path) -> None:
    """A command may print for ever; memory may not grow for ever."""
    async with kubelet(tmp_path, V5) as (_, transport):
        result = await run_command(transport, PATH, ["ls"], most_output=10)
        assert (result.stdout, result.stderr, result.cut) == (b"outoutouto", b"", 8)


async def test_a_connection_that_ends_early_is_no_success(tmp_path: Path) -> None:
    """No closing status means that nobody knows how the command ended."""
    async with kubelet(tmp_path, V5) as (_, transport):
        with pytest.raises(UnreachableError, match="before the command ended"):
            await run_command(transport, PATH, ["vanish"], subject="exec in pod shop/web")


async def test_a_command_that_hangs_meets_its_deadline(tmp_path: Path) -> None:
    """Every wait has a deadline and says what it waited for."""
    async with kubelet(tmp_path, V5) as (_, transport):
        with pytest.raises(DeadlineError, match="did not end within"):
            await run_command(transport, PATH, ["hang"], deadline_s=0.3, subject="exec in pod shop/web")


async def test_a_refusal_is_one_sentence(tmp_path: Path) -> None:
    """RBAC refuses before the WebSocket is there; an unknown protocol after."""
    async with kubelet(tmp_path, V5) as (_, transport):
        with pytest.raises(ForbiddenError) as caught:
            await run_command(transport, PATH, ["refuse"], subject="a shell in shop/web")
        assert str(caught.value.message) == "a shell in shop/web is forbidden to these credentials"
        assert caught.value.hint == "ask for a role that allows create on pods/exec in namespace shop"
    async with kubelet(tmp_path, "base64.channel.k8s.io") as (_, transport):
        with pytest.raises(InvalidError, match="speaks neither"):
            await run_command(transport, PATH, ["ls"])


@pytest.mark.parametrize(
    "status",
    [b"not json", b'{"status":"Failure","reason":"InternalError","message":"no such container"}', b"{}"],
)
def test_a_status_without_exit_code_is_an_error(status: bytes) -> None:
    """A command that could not be started has no exit code, and must not get one."""
    with pytest.raises(ClusterError):
        exit_code_of(status, "exec in pod shop/web")


async def test_a_command_runs_in_a_pod_of_the_sandbox(kubeconfig: Path, cluster_namespace: str) -> None:
    """The protocol against a real API server, which passes it on to the kubelet of the sandbox."""
    async with transport_of(kubeconfig) as transport:
        path = f"{await running_pod(transport, cluster_namespace)}/exec"
        told = "exec in pod web"
        try:
            result = await run_command(
                transport, path, ["sh", "-c", "echo out; echo err >&2; exit 3"], container="app", subject=told
            )
        except ClusterError as refused:
            if "exec needs" in refused.message:
                pytest.skip(f"this machine confines nothing: {refused.message}")
            raise
        assert (result.exit_code, result.stdout, result.stderr) == (3, b"out\n", b"err\n")
        async with open_exec(transport, path, ["cat"], container="app", stdin=True, subject=told) as session:
            await session.send(b"hello")
            await session.close_stdin()
            async with aclosing(session.output()) as output:
                assert b"".join([piece.data async for piece in output]) == b"hello"
            assert session.exit_code == 0
        with pytest.raises(K8sOpsError) as missing:
            await run_command(transport, path, ["no-such-program"], container="app", subject=told)
    assert "no-such-program" in missing.value.message
    assert "\n" not in missing.value.message
