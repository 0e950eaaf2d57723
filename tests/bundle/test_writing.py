"""A bundle as it lies on disk afterwards: whole, private, the same bytes for the same content, or not there at all."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest
import zstandard

from k8sops.bundle.errors import BundleError
from k8sops.bundle.index import read_index
from k8sops.bundle.opening import open_bundle
from k8sops.bundle.writing import Form, a_bundle
from k8sops.core.errors import UsageError
from k8sops.redact import KeyedRedactor, TextRedactor
from tests.bundle.bundles import ABOUT, NAME, files_in, make, names_in

FILES = {
    "logs/shop/web-1/app.log": b"".join(
        b"2026-11-22T16:00:00Z line %d\n" % number for number in range(60_000)
    ),
    "logs/shop/web-1/init.log": b"no newline at the end",
    "objects/shop/pod/web-1.yaml": b"kind: Pod\n",
    "logs/shop/web-2/app.log": b"",
}


def contents(archive: Path) -> dict[str, bytes]:
    """What Python's own tar sees in it."""
    found = {}
    with (
        archive.open("rb") as raw,
        zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as plain,
        tarfile.open(fileobj=plain, mode="r|") as tar,
    ):
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None
            found[member.name] = file.read()
    return found


def ran(command: list[str], folder: Path) -> None:
    """Run it to its end, successfully."""
    subprocess.run(command, check=True, cwd=folder, capture_output=True)


async def given_up(target: Path) -> None:
    """A bundle whose making is cancelled halfway."""
    async with a_bundle(Form(target, NAME), None) as writer, writer.file("logs/a.log", source="/a") as file:
        await file.write(b"x" * 600_000)
        raise asyncio.CancelledError


async def test_an_archive_holds_every_file_and_the_index_first(tmp_path: Path) -> None:
    """Whoever opens it reads first what is in it."""
    written = await make(tmp_path, FILES)
    (part,) = written.made.parts
    found = contents(part.path)
    assert list(found) == [
        f"{NAME}/index.json",
        *(f"{NAME}/{path}" for path in sorted((*FILES, "redaction.txt"))),
    ]
    assert {path: found[f"{NAME}/{path}"] for path in FILES} == FILES
    index = read_index(found[f"{NAME}/index.json"])
    assert index == written.index
    assert [(file.path, file.bytes, file.lines) for file in index.files][:2] == [
        ("logs/shop/web-1/app.log", len(FILES["logs/shop/web-1/app.log"]), 60_000),
        ("logs/shop/web-1/init.log", 21, 1),
    ]
    assert index.complete


async def test_the_tools_of_every_machine_unpack_it(tmp_path: Path) -> None:
    """A vendor has tar and zstd, not k8sops."""
    if not shutil.which("tar") or not shutil.which("zstd"):
        pytest.skip("no tar and zstd here")
    (part,) = (await make(tmp_path, FILES)).made.parts
    out = tmp_path / "out"
    out.mkdir()
    ran(["zstd", "-t", str(part.path)], tmp_path)
    ran(["tar", "--zstd", "-xf", str(part.path), "-C", str(out)], tmp_path)
    assert (out / NAME / "logs/shop/web-1/app.log").read_bytes() == FILES["logs/shop/web-1/app.log"]
    assert stat.S_IMODE((out / NAME / "index.json").stat().st_mode) & 0o077 == 0
    ran(["sha256sum", "-c", f"{part.path.name}.sha256"], tmp_path)


async def test_the_same_content_is_the_same_bytes_however_it_came(tmp_path: Path) -> None:
    """Two bundles can be compared by their digests, and a signature over one means something."""
    first = await make(tmp_path / "a", FILES)
    second = await make(tmp_path / "b", dict(reversed(FILES.items())), piece=1013)
    assert first.made.parts[0].sha256 == second.made.parts[0].sha256


async def test_files_that_grow_side_by_side_are_laid_out_as_if_one_came_after_the_other(
    tmp_path: Path,
) -> None:
    """Which stream is quicker is chance."""

    async def grow(path: str) -> None:
        async with writer.file(path, source=f"/made/up/{path}") as file:
            for at in range(0, len(FILES[path]), 70_001):
                await file.write(FILES[path][at : at + 70_001])
                await asyncio.sleep(0)

    async with a_bundle(Form(tmp_path / "b", NAME), None) as writer:
        await asyncio.gather(*(grow(path) for path in FILES))
        together = await writer.finish(ABOUT)
    assert together.made.parts[0].sha256 == (await make(tmp_path / "a", FILES)).made.parts[0].sha256


async def test_parts_join_to_the_archive_that_would_have_been(tmp_path: Path) -> None:
    """A mailbox takes 10 MB; `cat` is all it needs on the other side."""
    (whole,) = (await make(tmp_path / "a", FILES)).made.parts
    parts = (await make(tmp_path / "b", FILES, split=7_000)).made.parts
    assert len(parts) > 2
    assert [part.path.name for part in parts[:2]] == [f"{NAME}.tar.zst.001", f"{NAME}.tar.zst.002"]
    assert {part.bytes for part in parts[:-1]} == {7_000}
    joined = b"".join(part.path.read_bytes() for part in parts)
    assert hashlib.sha256(joined).hexdigest() == whole.sha256
    assert open_bundle(parts[1].path).read("objects/shop/pod/web-1.yaml") == b"kind: Pod\n"
    parts[1].path.unlink()
    with pytest.raises(UsageError, match=r"part 2 .* is missing"):
        open_bundle(parts[0].path)


async def test_a_folder_is_nobody_elses_to_read(tmp_path: Path) -> None:
    """It holds what people's programs wrote."""
    folder = (await make(tmp_path, FILES, form="folder")).made.folder
    assert folder == tmp_path / NAME
    found = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.relative_to(folder).as_posix() for path in found} == {"index.json", "redaction.txt", *FILES}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in found)
    assert all(
        stat.S_IMODE(path.stat().st_mode) == 0o700 for path in [folder, *folder.rglob("*")] if path.is_dir()
    )
    assert open_bundle(folder).read("logs/shop/web-1/init.log") == b"no newline at the end"
    assert {path for path, _ in open_bundle(folder).files()} == {"redaction.txt", *FILES}


async def test_what_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    """Half a bundle under a name that looks whole is worse than none."""
    with pytest.raises(asyncio.CancelledError):
        await given_up(tmp_path)
    assert names_in(tmp_path) == []


async def test_what_a_killed_process_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    """Nobody looks for hidden folders; one that is being worked in is left alone."""
    left = tmp_path / ".logs-old.partial"
    left.mkdir()
    (left / "lock").touch()
    (left / "spool").write_bytes(b"x" * 1000)
    async with a_bundle(Form(tmp_path, "logs-other"), None):
        await make(tmp_path, FILES)
        assert not left.exists()
        assert (tmp_path / ".logs-other.partial").exists()
    assert not (tmp_path / ".logs-other.partial").exists()


async def test_a_disk_that_is_full_is_one_sentence(tmp_path: Path) -> None:
    """And a source that swallows it does not make a bundle of what is left."""
    full = OSError(28, "No space left on device")

    class Full:
        def append(self, key: int, data: bytes) -> None:
            raise full

    async with a_bundle(Form(tmp_path, NAME), None) as writer:
        writer._staging.append = Full().append  # type: ignore[assignment]
        with pytest.raises(BundleError, match=r"no room for the bundle in .*No space left on device"):
            async with writer.file("logs/a.log", source="/a") as file:
                await file.write(b"x" * 600_000)
        with pytest.raises(BundleError, match="no room"):
            await writer.finish(ABOUT)
    assert names_in(tmp_path) == []


async def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """With what to do about it."""
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match="cannot be written") as caught:
        await make(tmp_path / "file", FILES)
    assert "--to" in caught.value.hint


async def test_a_limit_cuts_at_a_line_and_says_so(tmp_path: Path) -> None:
    """A cut that is not told would be taken for the end of the story."""
    line = b"0123456789\n"
    written = await make(
        tmp_path, {"a.log": line * 100_000, "b.log": line}, most_each=1_000_003, piece=65_536
    )
    first, second = written.index.files
    assert (first.bytes, first.lines) == (1_000_003 // 11 * 11, 1_000_003 // 11)
    assert first.dropped == 1_100_000 - first.bytes
    assert "the limit of 977 KiB for each file" in first.truncated
    assert not second.truncated
    assert written.index.complete, "who sets a limit gets what they asked for"


async def test_the_whole_limit_makes_a_bundle_incomplete(tmp_path: Path) -> None:
    """Files that came later were not given their share."""
    written = await make(tmp_path, {"a.log": b"a\n" * 400_000, "b.log": b"b\n" * 400_000}, most=1_000_000)
    assert sum(file.bytes for file in written.index.files) == 1_000_000
    assert "the limit of the whole bundle" in written.index.files[1].truncated
    assert not written.index.complete


async def test_what_could_not_be_had_is_told_and_makes_it_incomplete(tmp_path: Path) -> None:
    """But what this cluster has not got at all leaves it complete."""
    for note in (True, False):
        async with a_bundle(Form(tmp_path / str(note), NAME), None) as writer:
            writer.missing("metrics/nodes.json", source="/apis/metrics", why="not served", note=note)
            async with writer.file("a.log", source="/a") as file:
                file.error("the stream broke", note=note)
            index = (await writer.finish(ABOUT)).index
        assert index.missing[0].why == "not served"
        assert index.complete is note
        assert (index.files[0].notes if note else index.files[0].errors) == ("the stream broke",)


async def test_secrets_never_reach_the_disk(tmp_path: Path) -> None:
    """Not even for the moment until the bundle is whole; and the index says how many, where, never what."""
    redactor = TextRedactor(KeyedRedactor(b"k" * 32))
    secret = b"hunter2-hunter2-hunter2"
    log = b"first\npassword=" + secret + b"\n" + b"plain line\n" * 50_000 + b"password=" + secret
    seen: list[bytes] = []
    async with a_bundle(Form(tmp_path, NAME, form="folder"), redactor.stream) as writer:
        async with writer.file("a.log", source="/a", watch=seen.append) as file:
            for at in range(0, len(log), 100_003):
                await file.write(log[at : at + 100_003])
            assert secret not in b"".join(files_in(tmp_path).values())
        writer.missing("b.log", source="/b", why=f"refused: password={secret.decode()}")
        written = await writer.finish(ABOUT)
    assert secret not in b"".join(files_in(tmp_path).values())
    assert secret not in b"".join(seen)
    (rule,) = written.index.redaction.rules
    assert (rule.rule, rule.count, rule.places) == ("password", 2, ("a.log:2", "a.log:50003"))


async def test_a_path_that_is_taken_is_a_defect_of_its_source(tmp_path: Path) -> None:
    """Two contents under one name would be one lost."""
    async with a_bundle(Form(tmp_path, NAME), None) as writer:
        async with writer.file("a.log", source="/a"):
            pass
        with pytest.raises(UsageError, match=r"a\.log already"):
            writer.file("a.log", source="/b")
