"""What a hostile archive, certificate or redirect can do to whoever fetches binaries: nothing."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import ssl
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from k8sops.core.errors import SandboxError
from k8sops.sandbox.certificates import issue, new_authority
from k8sops.sandbox.fetch import unpack
from k8sops.sandbox.releases import release_of, this_machine
from tests.sandbox.mirror_server import entry, mirror_server

RELEASE = release_of("etcd", this_machine())


def packed(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content) if content else None)
    return path


def whole() -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(entry(f"{RELEASE.folder}/{name}", 4), b"good") for name in RELEASE.binaries]


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "/tmp/outside-of-k8sops",
        f"{RELEASE.folder}/../../outside",
        "etcd",
        f"./{RELEASE.folder}/etcd",
    ],
)
def test_no_name_in_an_archive_becomes_a_path(tmp_path: Path, name: str) -> None:
    """Only the files we name are taken, under names of our own."""
    archive = packed(tmp_path / "a.tar.gz", (entry(name, 4), b"evil"), *whole())
    (tmp_path / "draft").mkdir()
    unpack(archive, RELEASE, tmp_path / "draft" / "unpacked")
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()) == [
        "a.tar.gz",
        *(f"draft/unpacked/{each}" for each in sorted(RELEASE.binaries)),
    ]
    assert {p.read_bytes() for p in (tmp_path / "draft" / "unpacked").iterdir()} == {b"good"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_a_link_or_device_in_the_place_of_a_binary_is_no_binary(tmp_path: Path, kind: bytes) -> None:
    """A link would have us run, or overwrite, a file of the user's."""
    mine = tmp_path / "mine"
    mine.write_text("mine")
    bad = (entry(f"{RELEASE.folder}/etcd", kind=kind, link=str(mine)), b"")
    archive = packed(tmp_path / "a.tar.gz", bad, *whole()[1:])
    with pytest.raises(SandboxError, match=f"holds no file {RELEASE.folder}/etcd,"):
        unpack(archive, RELEASE, tmp_path / "unpacked")
    assert mine.read_text() == "mine"
    assert not (tmp_path / "unpacked" / "etcd").exists()


@pytest.mark.parametrize("name", [f"{RELEASE.folder}/etcd", "filler"])
def test_an_archive_that_unpacks_to_any_size_is_given_up(tmp_path: Path, name: str) -> None:
    """A gigabyte of zeros packs to a megabyte; the disk must not be filled, nor hours be spent on reading it."""
    bomb = (entry(name, 8_000_000), bytes(8_000_000))
    archive = packed(tmp_path / "bomb.tar.gz", bomb, *[one for one in whole() if one[0].name != name])
    assert archive.stat().st_size < 100_000
    with pytest.raises(SandboxError, match="unpacks to more than 1000000 bytes"):
        unpack(archive, RELEASE, tmp_path / "unpacked", most=1_000_000)
    assert sum(path.stat().st_size for path in (tmp_path / "unpacked").iterdir()) <= 1_000_000


@pytest.mark.parametrize(
    "content",
    [b"no archive", b"", gzip.compress(b"no tar" * 1000, mtime=0)],
    ids=["a page", "nothing", "packed, but no archive"],
)
def test_what_is_no_archive_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    """A page of HTML under the archive's name, with the checksum of that page."""
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(SandboxError, match=r"is no archive that can be unpacked|holds no file"):
        unpack(tmp_path / "a.tar.gz", RELEASE, tmp_path / "unpacked")


def test_an_archive_that_ends_too_early_is_one_sentence(tmp_path: Path) -> None:
    """Its checksum may have been made after it was cut."""
    members = [(entry(f"{RELEASE.folder}/{name}", 200_000), os.urandom(200_000)) for name in RELEASE.binaries]
    archive = packed(tmp_path / "a.tar.gz", *members)
    archive.write_bytes(archive.read_bytes()[:150_000])
    with pytest.raises(SandboxError, match="is no archive that can be unpacked"):
        unpack(archive, RELEASE, tmp_path / "unpacked")


async def k8sops(*arguments: str, **environment: str) -> tuple[int, str]:
    """The program in a process of its own: the exit code, and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "k8sops", *arguments),
        env={**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_tls_is_verified_and_never_left_again(tmp_path: Path) -> None:
    """Whoever sits in between would choose what is run here: by a certificate of theirs, or by a way out to http."""
    now = datetime.now(UTC)
    authority = new_authority("authority", now)
    pair = issue(authority, "mirror", (), now, serves=("127.0.0.1",))
    for name, content in (("ca", authority.certificate), ("crt", pair.certificate), ("key", pair.key)):
        (tmp_path / name).write_bytes(content)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    command = ("sandbox", "etcdutl", "--", "version")
    async with mirror_server(tls) as mirror, mirror_server() as plain:
        environment = {
            "K8SOPS_ASSETS_URL": mirror.url,
            "K8SOPS_CACHE": str(tmp_path / "cache"),
            "KUBEBUILDER_ASSETS": "",
        }
        code, said = await k8sops(*command, **environment)
        assert code == 6
        assert "certificate of the mirror" in said
        assert "cannot be verified" in said
        assert mirror.asked == []
        environment["SSL_CERT_FILE"] = str(tmp_path / "ca")
        mirror.elsewhere[RELEASE.path] = f"{plain.url}/{RELEASE.path}"
        code, said = await k8sops(*command, **environment)
        assert code == 1, said
        assert "to where it is not followed" in said
        assert plain.asked == []
        mirror.elsewhere.clear()
        code, said = await k8sops(*command, **environment)
        assert (code, said.splitlines()[-1]) == (0, f"etcdutl {RELEASE.version}")
