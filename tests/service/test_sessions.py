"""Sessions on a real control plane: on record before they begin, refused where policy says so, true to the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from k8sops.audit.record import Record
from k8sops.cluster.client import KubeCluster
from k8sops.cluster.client_base import PODS
from k8sops.cluster.paths import object_path
from k8sops.cluster.port_forward import open_port
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditFilter
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.errors import (
    ClusterError,
    ConfirmationError,
    DeniedError,
    InvalidError,
    NotFoundError,
    StoreError,
    UnreachableError,
    UsageError,
)
from k8sops.core.sessions import YES, Consent, SessionWanted, Terminal
from k8sops.service import open_ops
from k8sops.service.audit_trail import AuditTrail
from k8sops.service.config import Config
from k8sops.service.ops import EngineOps
from k8sops.service.storing import Storage
from tests.support.workloads import create, deployment

DEADLINE_S = 120
ALICE = Actor(name="kubernetes-admin", surface="tui")
GREETING = b"This is a pod of a k8sops sandbox."


@dataclass
class Room:
    """A pod that runs, the service on it, and the trail of what was done."""

    ops: EngineOps
    cluster: KubeCluster
    config: Config
    namespace: str
    pod: str

    def wanted(self, kind: str = "exec", **more: object) -> SessionWanted:
        """A session with the pod."""
        return SessionWanted(kind=kind, namespace=self.namespace, name=self.pod, **more)  # type: ignore[arg-type]

    async def records(self) -> list[Record]:
        """What is on record of sessions, oldest first."""
        storage = Storage(self.config, SystemClock(), UlidSource())
        try:
            trail = AuditTrail(storage, self.config, SystemClock())
            found = await trail.find(AuditFilter(code="session.*"))
        finally:
            await storage.aclose()
        return [one.record for one in found if one.record is not None]

    async def codes(self) -> list[str]:
        return [record.code for record in await self.records()]


def _config(kubeconfig: Path, namespace: str, url: str, policy: str, folder: Path) -> Config:
    file = folder / "policy.yaml"
    file.write_text(policy)
    return Config(kubeconfig=(kubeconfig,), namespace=namespace, database_url=url, policy=file)


@asynccontextmanager
async def _room(
    config: Config, cluster: KubeCluster, namespace: str, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> AsyncIterator[Room]:
    monkeypatch.setenv("K8SOPS_DATA", str(folder))
    await create(cluster, deployment("web", namespace))
    pod = await _ready(cluster, namespace)
    async with open_ops(config) as ops:
        yield Room(ops, cluster, config, namespace, pod)


async def _ready(cluster: KubeCluster, namespace: str, *, but: str = "") -> str:
    """The name of a pod of `web` that is ready, another than the one that is named."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            async for pod in cluster.list(PODS, namespace):
                ready = [
                    one["status"] for one in pod["status"].get("conditions", ()) if one["type"] == "Ready"
                ]
                if ready == ["True"] and pod["metadata"]["name"] != but:
                    return str(pod["metadata"]["name"])
            await asyncio.sleep(0.1)


async def _all_said(shell: Terminal) -> bytes:
    """What the far end says until it ends."""
    async with aclosing(shell.output()) as output:
        return b"".join([piece async for piece in output])


@pytest.fixture
async def room(
    kubeconfig: Path,
    cluster: KubeCluster,
    cluster_namespace: str,
    store_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Room]:
    """The shipped policy, on both stores."""
    config = Config(kubeconfig=(kubeconfig,), namespace=cluster_namespace, database_url=store_url)
    async with _room(config, cluster, cluster_namespace, monkeypatch, tmp_path) as found:
        yield found


async def test_a_shell_is_on_record_before_it_answers_and_when_it_has_ended(room: Room) -> None:
    """What happened in a shell nobody can know; that there was one, and whose, must be known whatever comes."""
    said = b""
    try:
        async with room.ops.sessions.terminal(room.wanted(), ALICE, Consent()) as shell:
            assert await room.codes() == ["session.exec"]
            await shell.resize(97, 31)
            await shell.send(b"stty size; exit 3\n")
            async with asyncio.timeout(DEADLINE_S):
                said = await _all_said(shell)
            assert shell.exit_code == 3
    except ClusterError as refused:
        if "exec needs" in refused.message:
            pytest.skip(f"this machine confines nothing: {refused.message}")
        raise
    assert b"31 97" in said
    begun, ended = await room.records()
    assert (begun.code, ended.code, ended.outcome) == ("session.exec", "session.ended", "succeeded")
    assert begun.data["session"] == ended.data["session"]
    assert ended.data["exit_code"] == 3
    assert int(ended.data["bytes_out"]) == len(said)
    assert [one.name for one in begun.objects] == [room.pod]
    assert begun.actor is not None
    assert (begun.actor.name, begun.actor.surface) == ("kubernetes-admin", "tui")


async def test_files_go_out_and_in_and_a_hostile_name_stays_inside(room: Room, tmp_path: Path) -> None:
    """A copy must bring back what was sent, and a container must not choose where a file lands."""
    source, back = tmp_path / "sent", tmp_path / "back"
    source.mkdir()
    (source / "note.txt").write_text("one line\n")
    sessions = room.ops.sessions
    try:
        done = await sessions.copy(
            room.wanted("copy", path="/tmp", local=source, direction="to"), ALICE, Consent()
        )
    except ClusterError as refused:
        if "exec needs" in refused.message or "no tar" in refused.message:
            pytest.skip(f"this machine confines nothing: {refused.message}")
        raise
    assert (done.files, done.bytes) == (1, 9)
    done = await sessions.copy(room.wanted("copy", path="/tmp/sent", local=back), ALICE, Consent())
    assert (done.files, (back / "sent" / "note.txt").read_text()) == (1, "one line\n")
    with pytest.raises(ClusterError, match="tar"):
        await sessions.copy(room.wanted("copy", path="/tmp/absent", local=back), ALICE, Consent())
    linking = room.wanted(command=("sh", "-c", "ln -s /etc /tmp/out"))
    async with sessions.terminal(linking, ALICE, Consent()) as shell:
        await _all_said(shell)
    with pytest.raises(ClusterError, match="refused"):
        await sessions.copy(room.wanted("copy", path="/tmp/out", local=back), ALICE, Consent())
    records = await room.records()
    assert [r.outcome for r in records if r.code == "session.ended"] == [
        "succeeded",
        "succeeded",
        "failed",
        "succeeded",
        "failed",
    ]


async def test_a_forwarded_port_survives_its_pod_and_is_closed_when_it_is_stopped(room: Room) -> None:
    """k9s's forwards die with the pod, which is when one needs them."""
    sessions = room.ops.sessions
    found = await sessions.forward(room.wanted("port_forward", port=8080), ALICE, Consent())
    assert await room.codes() == ["session.port_forward"]
    assert (await _asked(found.local_port)).endswith(b"always the same.\n")
    path = object_path(PODS, room.pod, room.namespace, "portforward")
    async with open_port(room.cluster.transport, path, 8080) as stream:
        assert stream.half_closes, "the API server speaks as kubectl does with it"
    await room.cluster.delete(PODS, room.pod, room.namespace)
    successor = await _ready(room.cluster, room.namespace, but=room.pod)
    async with asyncio.timeout(DEADLINE_S):
        while True:
            # Until it is gone, the old one may go on answering.
            if GREETING in await _asked(found.local_port) and found.pod == successor:
                break
            await asyncio.sleep(0.1)
    assert (found.pod, found.trouble) == (successor, "")
    with pytest.raises(UsageError, match="cannot be listened on"):
        await sessions.forward(
            SessionWanted(
                kind="port_forward",
                namespace=room.namespace,
                name="web",
                of="deployments",
                port=80,
                local_port=found.local_port,
            ),
            ALICE,
            Consent(),
        )
    await sessions.stop(found.id)
    assert sessions.forwardings == ()
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", found.local_port)
    records = await room.records()
    assert [record.code for record in records].count("session.ended") == 2
    assert int(records[-1].data["connections"]) >= 2


async def _asked(port: int) -> bytes:
    """What the page behind the port answers; empty where the connection came to nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        return await reader.readexactly(int(length.split(b":")[1]))
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    finally:
        writer.close()


async def test_a_debug_container_runs_beside_the_pods_own(room: Room) -> None:
    """Images without a shell are the norm; one cannot look into them from inside."""
    try:
        async with (
            asyncio.timeout(DEADLINE_S),
            room.ops.sessions.terminal(room.wanted("debug"), ALICE, Consent()) as shell,
        ):
            await shell.send(b"exit\n")
            await _all_said(shell)
            name = shell.container
    except ClusterError as refused:
        pytest.skip(f"this machine confines nothing: {refused.message}")
    pod = await room.cluster.get(PODS, room.pod, room.namespace)
    (added,) = pod["spec"]["ephemeralContainers"]
    assert (added["name"], added["targetContainerName"]) == (name, "app")
    assert added["image"] == room.config.debug_image
    assert await room.codes() == ["session.debug", "session.ended"]


async def test_what_cannot_be_had_is_a_sentence_and_nothing_on_record(room: Room) -> None:
    """A container that does not run, a pod that is not there: neither was a session."""
    missing = SessionWanted(kind="exec", namespace=room.namespace, name="absent")
    for wanted, error in ((missing, NotFoundError), (room.wanted(container="none"), InvalidError)):
        with pytest.raises(error):
            async with room.ops.sessions.terminal(wanted, ALICE, Consent()):
                raise AssertionError("it began")
    assert await room.codes() == []


REFUSING: dict[str, tuple[str, str]] = {
    "read-only": ("format: 1\nread_only: true\n", "read-only"),
    "a rule on shells": (
        "format: 1\nrules:\n- {name: no-shells, match: {actions: ['session.*']}, effect: deny, why: use the logs}\n",
        "use the logs",
    ),
    "approvals": (
        "format: 1\nrules:\n- {name: two-eyes, match: {actions: [session.exec]}, effect: approve}\n",
        "cannot wait for one",
    ),
}


@pytest.mark.parametrize("case", REFUSING)
async def test_what_policy_refuses_is_not_begun_and_on_record(
    case: str,
    kubeconfig: Path,
    cluster: KubeCluster,
    cluster_namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Read-only that leaks shells is none (k9s's issues 857 and 3822)."""
    policy, why = REFUSING[case]
    config = _config(kubeconfig, cluster_namespace, f"sqlite:///{tmp_path / 'store.db'}", policy, tmp_path)
    async with _room(config, cluster, cluster_namespace, monkeypatch, tmp_path) as room:
        with pytest.raises(DeniedError, match=why) as caught:
            async with room.ops.sessions.terminal(room.wanted(), ALICE, Consent()):
                raise AssertionError("it began")
        assert ("without --read-only" in caught.value.hint) == (case == "read-only"), "no rule is to blame"
        (record,) = await room.records()
    assert (record.code, record.action, record.outcome) == ("session.refused", "session.exec", "refused")
    assert why in record.reason


async def test_policy_may_want_a_reason_which_is_kept_and_no_store_means_no_session(
    kubeconfig: Path,
    cluster: KubeCluster,
    cluster_namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What cannot be put on record must not happen."""
    policy = "format: 1\nrules:\n- {name: why, match: {actions: ['session.*']}, effect: confirm, reason: required}\n"
    config = _config(kubeconfig, cluster_namespace, f"sqlite:///{tmp_path / 'store.db'}", policy, tmp_path)
    async with _room(config, cluster, cluster_namespace, monkeypatch, tmp_path) as room:
        wanted = room.wanted("port_forward", port=80)
        with pytest.raises(ConfirmationError):
            await room.ops.sessions.forward(wanted, ALICE, Consent())
        await room.ops.sessions.forward(wanted, ALICE, Consent(reason="INC-7"))
        assert [record.reason for record in await room.records()] == ["INC-7"]
        away = msgspec.structs.replace(config, database_url="postgresql://127.0.0.1:9/none")
        async with open_ops(away) as ops:
            with pytest.raises((StoreError, UnreachableError)):
                await ops.sessions.forward(wanted, ALICE, Consent(reason="INC-8"))
            assert ops.sessions.forwardings == ()
    # Leaving the service closes what was forwarded, and says so.
    assert (await room.codes())[-1] == "session.ended"


ASKING = "format: 1\nrules:\n- {name: shells-are-asked, match: {actions: ['session.*']}, effect: confirm}\n"


async def test_a_rule_may_want_a_yes_and_the_baseline_takes_the_key_for_it(
    room: Room, kubeconfig: Path, tmp_path: Path
) -> None:
    """Who writes a rule on sessions means a question; where there is none, `s` opens a shell as in k9s."""
    wanted = room.wanted("port_forward", port=80)
    await room.ops.sessions.stop((await room.ops.sessions.forward(wanted, ALICE, Consent())).id)
    url = f"sqlite:///{tmp_path / 'asking.db'}"
    async with open_ops(_config(kubeconfig, room.namespace, url, ASKING, tmp_path)) as ops:
        with pytest.raises(ConfirmationError, match="shells-are-asked") as caught:
            await ops.sessions.forward(wanted, ALICE, Consent())
        assert caught.value.hint == YES
        await ops.sessions.forward(wanted, ALICE, Consent(confirmed=True))


async def test_an_approval_cannot_be_waited_for_and_the_refusal_says_how_to_have_it_beforehand(
    kubeconfig: Path,
    cluster: KubeCluster,
    cluster_namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A no without a way on is one that people go round."""
    rule = "rules:\n- {name: two-eyes, match: {actions: ['session.*']}, effect: approve}\n"
    policy = f"format: 1\n{rule}"
    config = _config(kubeconfig, cluster_namespace, f"sqlite:///{tmp_path / 'store.db'}", policy, tmp_path)
    async with _room(config, cluster, cluster_namespace, monkeypatch, tmp_path) as room:
        with pytest.raises(DeniedError, match="two-eyes") as caught:
            await room.ops.sessions.forward(room.wanted("port_forward", port=80), ALICE, Consent())
        command = (
            f"k8sops grants request --action session.port_forward -n {cluster_namespace} --risk low --for 1h"
        )
        assert command in caught.value.hint
        with pytest.raises(DeniedError, match="two-eyes") as caught:
            async with room.ops.sessions.terminal(room.wanted(), ALICE, Consent(confirmed=True)):
                raise AssertionError("it began")
        assert "cover at most low" in caught.value.hint
