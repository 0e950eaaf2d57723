"""`k8sops bundles` on a repository in a folder, as a person uses it a week after the incident."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.support.bundles_made import make_bundle
from tests.support.command import Command


@pytest.fixture
def repository(own_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> Path:
    """An empty place, and a key to open what will be there."""
    folder = tmp_path / "repository"
    monkeypatch.setenv("K8SOPS_REPOSITORY", folder.as_uri())
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    command.done("backups", "key")
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """What an archive is does not matter here."""
    path = tmp_path / "shop-logs.tar.zst"
    path.write_bytes(b"not really an archive" * 1000)
    return path


def test_bundles_are_listed_newest_first_and_one_that_is_not_redacted_says_so(
    repository: Path, archive: Path, command: Command
) -> None:
    """Whoever hands one to a vendor has to see which they may."""
    first = make_bundle(archive).body.id
    second = make_bundle(archive, redacted=False).body.id
    found = command.done("bundles", "list", "-o", "json").document
    assert [one["id"] for one in found["bundles"]] == [second, first]
    lines = command.done("bundles", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == ["ID", second[:10], first[:10]]
    assert (" NO " in lines[1], " yes " in lines[2]) == (True, True)
    assert command.done("bundles", "list", "--cluster", "elsewhere").out == ""


def test_a_bundle_is_brought_out_for_its_owner_alone_and_on_record(
    repository: Path, archive: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into the present folder under its own name, or wherever; never over another file."""
    id_ = make_bundle(archive).body.id
    there = tmp_path / "there"
    there.mkdir()
    monkeypatch.chdir(there)
    told = command.done("bundles", "get", "latest").out
    brought = there / archive.name
    assert brought.read_bytes() == archive.read_bytes()
    assert stat.S_IMODE(brought.stat().st_mode) == 0o600
    assert str(brought) in told
    assert command("bundles", "get", id_).code == 2, "it is there already"
    command.done("bundles", "get", id_[:12], "--to", str(tmp_path / "other"))
    command.done("bundles", "get", id_, "--to", f"{tmp_path}/case/")
    assert (tmp_path / "case" / archive.name).is_file(), "a slash means a folder, as for collecting"
    assert command("bundles", "get", "01KNONE").code == 2
    records = command.done("audit", "list", "--code", "bundle.exported", "-o", "json").document
    assert {record["data"]["bundle"] for record in records} == {id_}
    assert str(tmp_path / "other") in {record["data"]["to"] for record in records}


def test_a_bundle_that_was_tampered_with_is_named_and_fails_verify(
    repository: Path, archive: Path, command: Command, tmp_path: Path
) -> None:
    """`backups verify` speaks of all that the repository holds."""
    make_bundle(archive)
    good = command.done("backups", "verify", "--read-data", "100%", "-o", "json").document
    assert (good["good"], good["bundles"], good["bundle_parts_read"]) == (True, 1, 1)
    assert "1 log bundle" in command.done("backups", "verify").out
    (part,) = (path for path in repository.rglob("parts/*") if path.is_file())
    part.chmod(0o600)
    part.write_bytes(part.read_bytes()[:-1] + b"\0")
    told = command("backups", "verify", "--read-data", "100%")
    assert (told.code, part.name in told.err) == (8, True)
    got = command("bundles", "get", "latest", "--to", str(tmp_path / "bad"))
    assert (got.code, (tmp_path / "bad").exists()) == (1, False)


def test_a_manifest_that_cannot_be_believed_is_named_beside_the_others(
    repository: Path, archive: Path, command: Command
) -> None:
    """One bad file must not hide the rest, nor pass as nothing."""
    good, bad = make_bundle(archive).body.id, make_bundle(archive).body.id
    (manifest,) = repository.rglob(f"{bad}/bundle")
    manifest.chmod(0o600)
    manifest.write_bytes(manifest.read_bytes().replace(b'"bundle"', b'"bumdle"', 1))
    told = command("bundles", "list", "-o", "json")
    assert told.code == 1
    assert [one["id"] for one in told.document["bundles"]] == [good]
    assert f"bundle {bad}" in told.err
