"""What somebody is told who waits for a sandbox, and where waiting ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8sops.core.clock import SystemClock
from k8sops.core.errors import SandboxError
from k8sops.sandbox.components import ETCD
from k8sops.sandbox.pki import Pki
from k8sops.sandbox.ports import PortClaims
from k8sops.sandbox.processes import ProcessRecord
from k8sops.sandbox.readiness import START_SECONDS, Readiness
from k8sops.sandbox.seed.load_objects import LoadSize
from k8sops.sandbox.state import SandboxFolder, SandboxState


class Hurried(SystemClock):
    """Each sleep takes a second, and none at all."""

    def __init__(self) -> None:
        self.time = 1000.0

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += 1.0


def waiting(home: Path, load: LoadSize | None = None) -> tuple[Readiness, list[str]]:
    """The waits of a sandbox of which nothing runs, and what they say."""
    folder = SandboxFolder(home, "slow")
    folder.create()
    Pki(folder.pki).create(SystemClock().now())
    with PortClaims() as claims:
        ports = claims.choose()
    state = SandboxState(name="slow", created="", version_set="", ports=ports, nodes=0, load=load)
    said: list[str] = []
    return Readiness(folder, state, f"https://127.0.0.1:{ports.apiserver}", Hurried(), said.append), said


async def test_a_long_wait_says_now_and_then_what_it_is_for(tmp_path: Path) -> None:
    """A large cluster takes minutes on a busy machine; silence would look like a hang."""
    readiness, said = waiting(tmp_path)
    with pytest.raises(SandboxError, match=f"waited {START_SECONDS:.0f} s in vain for etcd to answer"):
        await readiness.etcd_answers([])
    assert said == [f"still waiting for etcd to answer: {n} s of 90 at most" for n in range(10, 90, 10)]


async def test_a_large_load_is_waited_for_longer(tmp_path: Path) -> None:
    """Every component reads all there is first; giving up in the middle of that would throw it all away."""
    readiness, said = waiting(tmp_path, LoadSize(nodes=0, pods=100_000, rest=0))
    with pytest.raises(SandboxError, match="waited 1090 s in vain"):
        await readiness.api_is_ready([])
    assert said[0] == "still waiting for the API server to be ready: 10 s of 1090 at most"


async def test_a_wait_ends_with_the_process_it_is_for(tmp_path: Path) -> None:
    """What the process said last tells more than that nothing answered."""
    log = tmp_path / "etcd.log"
    log.write_text('{"level":"fatal","msg":"discovery failed","error":"no space left on device"}\n')
    dead = ProcessRecord(component=ETCD, pid=2**22 + 1, started=0.0, command=("etcd",), log=str(log))
    readiness, said = waiting(tmp_path)
    with pytest.raises(SandboxError, match=r"etcd ended while .* discovery failed: no space left on device"):
        await readiness.etcd_answers([dead])
    assert said == []
