"""Release binaries fetched from a mirror instead of built: over real HTTP, from a mirror that also misbehaves."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from k8sops.core.clock import SystemClock
from k8sops.core.errors import ExitCode, K8sOpsError, SandboxError, UnreachableError, UsageError
from k8sops.sandbox.binaries import (
    binaries_folder,
    building_ahead,
    ensure_binaries,
    ensure_binary,
    fetched_folder,
    find_binary,
)
from k8sops.sandbox.build import BuildProgress
from k8sops.sandbox.fetch import fetch
from k8sops.sandbox.mirror import Patience, mirror_address
from k8sops.sandbox.releases import checksum_in, release_of, says_version, this_machine
from k8sops.sandbox.versions import BY_NAME, CONTROL_PLANE, ETCD, KUBERNETES, KWOK
from tests.sandbox.mirror_server import MirrorServer, archive, mirror_server, program
from tests.sandbox.waiting import wait_until_async

SERVER = "kube-apiserver"


@pytest.fixture
def no_builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a `go`, first on PATH, that leaves a second file there once something was to be built."""
    folder = tmp_path / "go"
    folder.mkdir()
    (folder / "go").write_text(
        f"#!/bin/sh\necho go version go1.99.0 linux/amd64\ntouch {folder}/was-built\nexit 1\n"
    )
    (folder / "go").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return folder


@pytest.fixture
async def mirror(monkeypatch: pytest.MonkeyPatch, no_builder: Path) -> AsyncIterator[MirrorServer]:
    """A mirror that holds every release, and the environment that names it. Nothing may be built."""
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    async with mirror_server() as server:
        monkeypatch.setenv("K8SOPS_ASSETS_URL", server.url)
        yield server
    assert left_in(no_builder) == ["go"]


def path_of(binary: str) -> str:
    return release_of(binary, this_machine()).path


def left_in(cache: Path) -> list[str]:
    """Every file in the cache but locks."""
    return sorted(path.name for path in cache.rglob("*") if path.is_file() and path.name != ".lock")


def test_paths_are_those_of_the_official_places() -> None:
    """A mirror is filled by copying, or by passing on; a path of our own making would be found on none."""
    found = {name: release_of(name, "linux-arm64") for name in BY_NAME}
    assert found[SERVER].path == f"release/v{KUBERNETES}/bin/linux/arm64/kube-apiserver"
    assert found[SERVER].checksums == f"{found[SERVER].path}.sha256"
    place = f"etcd-io/etcd/releases/download/v{ETCD}"
    assert {found[name].path for name in ("etcd", "etcdctl", "etcdutl")} == {
        f"{place}/etcd-v{ETCD}-linux-arm64.tar.gz"
    }
    assert found["etcd"].checksums == f"{place}/SHA256SUMS"
    assert found["kwok"].path == f"kubernetes-sigs/kwok/releases/download/v{KWOK}/kwok-linux-arm64"


def test_the_page_tells_whoever_fills_a_mirror_the_paths_of_these_versions() -> None:
    """They change with every new set of versions."""
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
    for name in (SERVER, "etcd", "kwok"):
        release = release_of(name, "linux-amd64")
        assert f"`{release.path}`" in page
    assert set(re.findall(r"/v(\d+\.\d+\.\d+)/", page)) == {KUBERNETES, ETCD, KWOK}


async def test_the_control_plane_is_fetched_and_the_second_time_nothing_is_asked(
    mirror: MirrorServer, tmp_path: Path
) -> None:
    """What is fetched is executable, lies apart from what is built, and is fetched once."""
    cache = tmp_path / "cache"
    fetched = await ensure_binaries(CONTROL_PLANE, cache=cache)
    assert list(fetched) == list(CONTROL_PLANE)
    assert all(path.parent == fetched_folder(cache) for path in fetched.values())
    assert {path.stat().st_mode & 0o777 for path in fetched.values()} == {0o755}
    assert fetched[SERVER].read_bytes() == mirror.files[path_of(SERVER)]
    assert not binaries_folder(cache).exists()
    asked = list(mirror.asked)
    assert set(map(path_of, CONTROL_PLANE)) <= set(asked)
    assert len(asked) == 2 * len(CONTROL_PLANE)
    assert await ensure_binaries(CONTROL_PLANE, cache=cache) == fetched
    # etcd's tools came in its archive.
    assert (await ensure_binary("etcdutl", cache=cache)).parent == fetched_folder(cache)
    assert mirror.asked == asked
    assert left_in(cache) == sorted([*CONTROL_PLANE, "etcdctl", "etcdutl"])


async def test_what_was_fetched_serves_when_the_mirror_is_no_longer_named(
    mirror: MirrorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another terminal without the variable must not begin to build; and what was built here goes before."""
    fetched = await ensure_binary("kwok", cache=tmp_path)
    monkeypatch.delenv("K8SOPS_ASSETS_URL")
    assert await ensure_binary("kwok", cache=tmp_path) == fetched
    assert building_ahead(["kwok"], tmp_path) == 0
    assert building_ahead(["kwok", "kubectl"], tmp_path) > 0
    built = binaries_folder(tmp_path) / "kwok"
    built.parent.mkdir(parents=True)
    built.write_text("built")
    assert find_binary("kwok", tmp_path) == built


async def test_progress_says_which_of_how_many_and_how_many_bytes(
    mirror: MirrorServer, tmp_path: Path
) -> None:
    """Four hundred megabytes take a while on a slow line, and somebody looks at it."""
    seen: list[BuildProgress] = []
    await ensure_binaries([SERVER, "kwok"], cache=tmp_path, report=seen.append)
    assert {(p.binary, p.index, p.count) for p in seen} == {(SERVER, 1, 2), ("kwok", 2, 2)}
    size = len(mirror.files[path_of(SERVER)])
    of_server = [(p.received_bytes, p.size_bytes) for p in seen if p.binary == SERVER]
    assert of_server[:2] == [(0, 0), (0, size)]
    assert of_server[-1] == (size, size)
    assert of_server == sorted(of_server)


@pytest.mark.parametrize("binary", [SERVER, "etcd"])
async def test_a_wrong_checksum_is_one_sentence_and_nothing_stays(
    mirror: MirrorServer, tmp_path: Path, binary: str
) -> None:
    """A file that was damaged or exchanged must never be run, nor unpacked."""
    mirror.files[path_of(binary)] = mirror.files[path_of(binary)][:-1] + b"!"
    with pytest.raises(SandboxError, match="does not have the checksum that stands beside it") as caught:
        await ensure_binary(binary, cache=tmp_path)
    assert path_of(binary) in caught.value.message
    assert "unset K8SOPS_ASSETS_URL to build" in caught.value.hint
    assert left_in(tmp_path / "controlplane") == []


@pytest.mark.parametrize("says_size", [True, False])
async def test_a_cut_download_is_one_sentence_and_what_was_complete_stays(
    mirror: MirrorServer, tmp_path: Path, says_size: bool
) -> None:
    """A line that breaks is the usual case: the next try goes on with the file that broke."""
    cache = tmp_path / "cache"
    mirror.cut.add(path_of("kwok"))
    mirror.says_size = says_size
    with pytest.raises(SandboxError, match=r"kwok-.* was cut off after \d+") as caught:
        await ensure_binaries([SERVER, "kwok"], cache=cache)
    size = len(mirror.files[path_of("kwok")])
    assert (f" of {size} bytes" in caught.value.message) == says_size
    assert left_in(cache) == [SERVER]
    mirror.cut.clear()
    mirror.asked.clear()
    await ensure_binaries([SERVER, "kwok"], cache=cache)
    assert path_of(SERVER) not in mirror.asked


async def test_a_mirror_that_falls_silent_is_given_up(mirror: MirrorServer, tmp_path: Path) -> None:
    """A connection can hang for ever without ever breaking."""
    mirror.stalls.add(path_of("kwok"))
    address = mirror_address()
    assert address is not None
    # On a very busy machine even the first byte may take as long.
    with pytest.raises(K8sOpsError, match=r"sent nothing more of .*kwok|no answer in time"):
        await fetch(
            *([BY_NAME["kwok"]], tmp_path / "f", address, this_machine(), SystemClock()),
            report=lambda _: None,
            patience=Patience(stall=1.0),
        )
    assert left_in(tmp_path / "f") == []


async def test_an_unreachable_mirror_is_one_sentence_and_nothing_is_built_instead(
    mirror: MirrorServer, no_builder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asked for release binaries must not find the machine compiling for six minutes."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        monkeypatch.setenv("K8SOPS_ASSETS_URL", f"http://ann:hidden@127.0.0.1:{taken.getsockname()[1]}/m")
        with pytest.raises(
            UnreachableError, match=r"mirror http://127.0.0.1:\d+/m cannot be reached"
        ) as caught:
            await ensure_binary("kwok", cache=tmp_path / "cache")
    assert caught.value.exit_code is ExitCode.UNREACHABLE
    assert "hidden" not in caught.value.message + caught.value.hint
    assert left_in(no_builder) == ["go"]


@pytest.mark.parametrize("binary", [SERVER, "etcd", "kwok"])
async def test_a_file_that_the_mirror_lacks_is_named(
    mirror: MirrorServer, tmp_path: Path, binary: str
) -> None:
    """Whoever keeps the mirror has to know what to add; without a checksum nothing is even downloaded."""
    release = release_of(binary, this_machine())
    del mirror.files[release.path]
    with pytest.raises(SandboxError) as caught:
        await ensure_binary(binary, cache=tmp_path)
    assert caught.value.message.endswith(f" has no {release.path}")
    del mirror.files[release.checksums]
    mirror.asked.clear()
    with pytest.raises(SandboxError) as caught:
        await ensure_binary(binary, cache=tmp_path)
    assert caught.value.message.endswith(f" has no {release.checksums}")
    assert mirror.asked == [release.checksums]


async def test_a_checksum_file_that_is_none_is_refused(mirror: MirrorServer, tmp_path: Path) -> None:
    """A login page with status 200 is what many a proxy answers."""
    mirror.files[release_of("kwok", this_machine()).checksums] = b"<html>please log in</html>"
    with pytest.raises(SandboxError, match=r"kwok-.*\.sha256 of the mirror .* holds no SHA-256 of kwok-"):
        await ensure_binary("kwok", cache=tmp_path)
    assert path_of("kwok") not in mirror.asked


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a" * 64, "a" * 64),
        ("A" * 64 + "\n", "a" * 64),
        (f"{'b' * 64}  kwok\n", "b" * 64),
        (f"{'c' * 64} *other\n{'b' * 64} *./kwok\n", "b" * 64),
        (f"{'b' * 64}  other\n", None),
        (f"{'b' * 64}  kwok\n{'c' * 64}  kwok\n", None),
        (f"{'a' * 64}\n{'b' * 64}\n", None),
        ("a" * 63, None),
        ("g" * 64, None),
        (f"{'b' * 64}  dir/kwok\n", None),
        ("", None),
    ],
)
def test_checksum_files_are_read_in_both_forms_and_never_guessed_at(text: str, found: str | None) -> None:
    """dl.k8s.io has one bare digest, etcd the lines of sha256sum; of two answers neither is taken."""
    assert checksum_in(text, "kwok") == found


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("Kubernetes v1.36.3\n", True),
        ("etcd Version: 1.36.3\nGit SHA: abc", True),
        ("kwok version v1.36.3 go1.26.8 (linux/amd64)", True),
        ("Kubernetes v1.36.30", False),
        ("Kubernetes v1.36.3-vendor.100", False),
        ("Kubernetes v11.36.3", False),
        ("Kubernetes v1.35.0\nv1.36.3", False),
        ("", False),
    ],
)
def test_a_version_is_said_exactly_or_not_at_all(output: str, says: bool) -> None:
    """A vendor's build, or the next patch release, is not what the sandbox was tried with."""
    assert says_version(output, "1.36.3") is says


@pytest.mark.parametrize("content", [program("Kubernetes v1.35.1"), b"#!/bin/sh\nexit 1\n"])
async def test_a_binary_of_another_version_never_reaches_the_cache(
    mirror: MirrorServer, tmp_path: Path, content: bytes
) -> None:
    """Its checksum can be right all the same; under our versions' name nobody would ever find out."""
    mirror.put(path_of(SERVER), content)
    with pytest.raises(SandboxError, match=f"does not say that it is version {KUBERNETES}"):
        await ensure_binary(SERVER, cache=tmp_path)
    assert left_in(tmp_path / "controlplane") == []


async def test_a_binary_for_another_processor_is_refused(mirror: MirrorServer, tmp_path: Path) -> None:
    """A mirror that was filled for one architecture only, under the names of both."""
    mirror.put(path_of(SERVER), b"\x7fELF of another kind")
    with pytest.raises(SandboxError, match=r"kube-apiserver of the mirror .* does not run on this machine"):
        await ensure_binary(SERVER, cache=tmp_path)
    assert left_in(tmp_path / "controlplane") == []


async def test_redirects_are_followed_as_far_as_they_go_the_right_way(
    mirror: MirrorServer, tmp_path: Path
) -> None:
    """GitHub answers every download with one; credentials for the mirror stay with the mirror."""
    release = release_of("kwok", this_machine())
    async with mirror_server() as second:
        mirror.elsewhere = {release.path: f"{second.url}/{release.path}"}
        await ensure_binary("kwok", cache=tmp_path)
        assert second.asked == [release.path]
    for place, said in (
        ("file:///etc/passwd", "redirects .* to where it is not followed"),
        (f"/releases/{release.path}", "again and again"),
    ):
        mirror.elsewhere = {release.path: place}
        with pytest.raises(SandboxError, match=said):
            await ensure_binary("kwok", cache=tmp_path / "other")


async def test_credentials_in_the_address_go_to_the_mirror_alone(
    mirror: MirrorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither another host of a redirect nor any message may ever have them."""
    release = release_of("kwok", this_machine())
    monkeypatch.setenv("K8SOPS_ASSETS_URL", mirror.url.replace("http://", "http://ann:hidden@"))
    async with mirror_server() as second:
        mirror.elsewhere = {release.path: f"{second.url}/{release.path}"}
        await ensure_binary("kwok", cache=tmp_path)
        assert second.authorizations == [None]
    assert all((found or "").startswith("Basic ") for found in mirror.authorizations)
    mirror.files.clear()
    with pytest.raises(SandboxError) as caught:
        await ensure_binary(SERVER, cache=tmp_path)
    assert "hidden" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    "address", ["mirror", "ftp://m/x", "https://", "https://m/x?token=hidden", "http://m:x/"]
)
async def test_what_is_no_address_of_a_mirror_is_refused_before_anything_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """A mistyped variable is a question of usage, and its text may hold a secret."""
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("K8SOPS_ASSETS_URL", address)
    with pytest.raises(UsageError, match="K8SOPS_ASSETS_URL is no address of a mirror") as caught:
        await ensure_binary("kwok", cache=tmp_path)
    assert "hidden" not in caught.value.message + caught.value.hint
    assert left_in(tmp_path) == []


async def test_an_interrupted_fetch_leaves_nothing_and_the_next_one_succeeds(
    mirror: MirrorServer, tmp_path: Path
) -> None:
    """Ctrl-C in the middle; and what a killed process left goes with the next one."""
    killed = fetched_folder(tmp_path) / ".draft-killed"
    killed.mkdir(parents=True)
    (killed / "kwok").write_text("half")
    mirror.stalls.add(path_of("kwok"))
    fetching = asyncio.ensure_future(ensure_binary("kwok", cache=tmp_path))
    await wait_until_async(
        "half a file", lambda: bool(list(fetched_folder(tmp_path).glob(".draft-*/kwok-*")))
    )
    assert find_binary("kwok", tmp_path) is None
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert left_in(tmp_path / "controlplane") == []
    mirror.release()
    assert (await ensure_binary("kwok", cache=tmp_path)).read_bytes() == mirror.files[path_of("kwok")]


async def test_two_processes_at_once_fetch_each_file_once(mirror: MirrorServer, tmp_path: Path) -> None:
    """Two terminals, or two test runs, start at the same time on a fresh machine."""
    names = [SERVER, "etcd", "etcdctl"]
    script = (
        "import asyncio, pathlib, sys\n"
        "from k8sops.sandbox.binaries import ensure_binaries\n"
        f"found = asyncio.run(ensure_binaries({names!r}, cache=pathlib.Path(sys.argv[1])))\n"
        "print(*found.values())\n"
    )
    both = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, str(tmp_path), stdout=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    said = [(await process.communicate())[0].decode().split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == said[1] == [str(fetched_folder(tmp_path) / name) for name in names]
    assert sorted(mirror.asked) == sorted(set(mirror.asked))
    assert left_in(tmp_path / "controlplane") == sorted([*names, "etcdutl"])


async def test_an_archive_without_one_of_its_binaries_is_refused(
    mirror: MirrorServer, tmp_path: Path
) -> None:
    """Of an archive all or nothing is taken, so that its parts are of one release."""
    release = release_of("etcd", this_machine())
    mirror.put(release.path, archive({f"{release.folder}/etcd": program(f"etcd {ETCD}")}))
    with pytest.raises(SandboxError, match=f"holds no file {release.folder}/etcdctl"):
        await ensure_binary("etcd", cache=tmp_path)
    assert left_in(tmp_path / "controlplane") == []
