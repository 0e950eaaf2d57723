"""Velero's tarballs: what is in them comes over as it is, and what somebody made to look like one does no harm."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.backup.canonical import canonical_object
from k8sops.backup.errors import RepositoryBrokenError, RepositoryError, RepositoryNewerError
from k8sops.backup.selection import Selection, read_selection, selection_json, selection_text
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.vault.contents import load_contents
from k8sops.backup.vault.manifests import load_chain, resolve_backup
from k8sops.backup.vault.pruning import check_removable
from k8sops.backup.velero.archive import VeleroObject, read_archive
from k8sops.backup.velero.importing import SELECTION, import_archive, summarise
from k8sops.core.clock import rfc3339
from k8sops.core.errors import DriftedError, UsageError
from tests.backup.clock import HandClock
from tests.backup.files import CLUSTER, flipped
from tests.backup.vault.clusters import backup, body, read_back, shop, writer
from tests.backup.vault.world import CountedIds, made


def shown(kind: str, name: str, namespace: str = "", api: str = "v1", **other: Any) -> dict[str, Any]:
    """An object as Velero writes it."""
    metadata = {"name": name, "uid": f"uid-{name}", "resourceVersion": "7", "managedFields": [{"a": 1}]}
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": metadata | ({"namespace": namespace} if namespace else {}),
    } | other


SHOP: dict[str, bytes] = {
    name: json.dumps(content).encode() if not isinstance(content, bytes) else content
    for name, content in {
        "metadata/version": b"1.1.0\n",
        "resources/namespaces/cluster/kube-system.json": shown("Namespace", "kube-system")
        | {"metadata": {"name": "kube-system", "uid": CLUSTER}},
        "resources/namespaces/v1-preferredversion/cluster/kube-system.json": b"{}",
        "resources/deployments.apps/namespaces/shop/web.json": shown(
            "Deployment", "web", "shop", "apps/v1", spec={"replicas": 2**60 + 1}
        ),
        "resources/deployments.apps/v1-preferredversion/namespaces/shop/web.json": b"{}",
        "resources/deployments.apps/v1beta1/namespaces/shop/web.json": b"{}",
        "resources/persistentvolumeclaims/namespaces/shop/data.json": shown(
            "PersistentVolumeClaim", "data", "shop"
        ),
        "resources/clusterroles.rbac.authorization.k8s.io/cluster/system:a.json": shown(
            "ClusterRole", "system:a", api="rbac.authorization.k8s.io/v1"
        ),
    }.items()
}


def written(path: Path, members: Mapping[str, bytes | tarfile.TarInfo]) -> Path:
    """A tarball of these."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1_700_000_000
            archive.addfile(info, io.BytesIO(content))
    return path


def linked(name: str, kind: bytes, to: str = "/etc/passwd") -> tarfile.TarInfo:
    """A member that is no file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


async def test_a_velero_backup_comes_over_whole(tmp_path: Path) -> None:
    """Every object once, in the bytes any backup of it would have; claims whose data stayed behind are named."""
    path = written(tmp_path / "nightly.tar.gz", SHOP)
    summary = summarise(path)
    assert (summary.objects, summary.cluster, summary.claims) == (4, CLUSTER, [("shop", "data")])
    assert summary.kinds["deployments.apps"] == 1
    clock = HandClock()
    vault = await made(MemoryStorage(clock), clock)
    done = await import_archive(
        vault, writer(vault, selection=SELECTION, cluster=summary.cluster), path, name="nightly", run="run-1"
    )
    assert (done.body.name, done.body.complete, done.body.objects) == ("nightly", True, 4)
    assert done.body.volumes_not_captured == (("shop", "data"),)
    assert done.body.cut.first_at == "2023-11-14T22:13:20.000Z"
    held = {key.name: value for key, value in (await read_back(vault, 1)).items()}
    web = SHOP["resources/deployments.apps/namespaces/shop/web.json"]
    assert held["web"] == ("uid-web", "7", canonical_object(web))
    contents = await load_contents(vault, CLUSTER, await body(vault, 1))
    kinds = {kind.resource: kind for kind in contents.kinds}
    assert (kinds["deployments"].served, kinds["deployments"].preferred) == (("v1", "v1beta1"), "v1")
    assert [kinds[name].namespaced for name in ("deployments", "clusterroles")] == [True, False]


async def test_an_archive_that_is_replaced_meanwhile_is_read_as_it_was_hashed(tmp_path: Path) -> None:
    """What was approved is one digest; it is taken of the very bytes that are imported, all of them."""
    path = written(tmp_path / "nightly.tar.gz", SHOP)
    with path.open("ab") as file:
        file.write(b"behind the end" * 100_000)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert summarise(path).sha256 == sha256
    other = written(tmp_path / "other.tar.gz", {**SHOP, "resources/pods/namespaces/a/b.json": b"{}"})
    clock = HandClock()
    vault = await made(MemoryStorage(clock), clock)
    who = writer(vault, selection=SELECTION)

    def replace(_: int) -> None:
        other.replace(path)

    done = await import_archive(vault, who, path, name="x", run="", sha256=sha256, on_objects=replace)
    assert done.body.objects == 4
    with pytest.raises(DriftedError):
        await import_archive(vault, who, written(other, SHOP), name="x", run="", sha256=sha256)


HOSTILE: dict[str, dict[str, bytes | tarfile.TarInfo]] = {
    "leads elsewhere": {"../../etc/cron.d/x": b"{}"},
    "leads elsewhere: '/": {"/resources/pods/namespaces/a/b.json": b"{}"},
    "leads elsewhere: 'resources/pods/..": {"resources/pods/../../x.json": b"{}"},
    "a link or a device": {"resources/pods/b.json": linked("resources/pods/b.json", tarfile.SYMTYPE)},
    "which is a link": {"x": linked("x", tarfile.LNKTYPE)},
    "link or a device": {"x": linked("x", tarfile.CHRTYPE)},
    "a kind that cannot be": {"resources/Pods$/namespaces/a/b.json": b"{}"},
    "a place that Velero has none": {"resources/pods/namespaces/A_B/b.json": b"{}"},
    "a name that cannot be": {"resources/pods/namespaces/a/%2e.json": b"{}"},
    "cannot be read": {"resources/pods/namespaces/a/b.json": b"{"},
    "under another name": {"resources/pods/namespaces/a/b.json": json.dumps(shown("Pod", "c", "a")).encode()},
    "says it is of": {"resources/pods/namespaces/a/b.json": json.dumps(shown("Pod", "b", "a", "x/v1")).encode()},
}  # fmt: skip


@pytest.mark.parametrize("reason", list(HOSTILE))
def test_what_was_made_to_do_harm_is_refused_by_name(reason: str, tmp_path: Path) -> None:
    """Whoever hands somebody a tarball must not get a file, a link or a name past the reader."""
    path = written(tmp_path / "x.tar.gz", {**SHOP, **HOSTILE[reason]})
    with pytest.raises(RepositoryBrokenError) as raised:
        summarise(path)
    assert reason in raised.value.message
    assert sorted(item.name for item in tmp_path.iterdir()) == ["x.tar.gz"]


def test_content_out_of_all_proportion_is_refused(tmp_path: Path) -> None:
    """Some kilobytes that unpack to gigabytes; and one member that says it is that large."""
    bomb = {f"other/{number}": b"\0" * (4 << 20) for number in range(40)}
    path = written(tmp_path / "bomb.tar.gz", {**SHOP, **bomb})
    assert path.stat().st_size < 1 << 20
    with pytest.raises(RepositoryBrokenError, match="times its size"):
        summarise(path)
    large = tarfile.TarInfo("resources/pods/namespaces/a/b.json")
    large.size = 1 << 40
    (tmp_path / "large.tar.gz").write_bytes(gzip.compress(large.tobuf() + bytes(1024)))
    with pytest.raises(RepositoryBrokenError, match="at most"):
        summarise(tmp_path / "large.tar.gz")


def test_another_layout_is_not_guessed_at(tmp_path: Path) -> None:
    """A later one could put objects where we do not look, and the import would be called whole."""
    with pytest.raises(RepositoryNewerError, match=r"2\.0\.0"):
        summarise(written(tmp_path / "a.tar.gz", {**SHOP, "metadata/version": b"2.0.0"}))
    without = {name: content for name, content in SHOP.items() if name != "metadata/version"}
    with pytest.raises(RepositoryBrokenError, match="no backup that Velero made"):
        summarise(written(tmp_path / "b.tar.gz", without))
    (tmp_path / "c.tar.gz").write_bytes(b"no gzip")
    with pytest.raises(RepositoryBrokenError, match="cannot be read as"):
        summarise(tmp_path / "c.tar.gz")


async def test_nothing_counts_of_an_import_that_is_refused(tmp_path: Path) -> None:
    """The last member is the bad one: no manifest, so no backup."""
    path = written(tmp_path / "x.tar.gz", {**SHOP, "resources/pods/namespaces/a/b.json": b"{"})
    clock = HandClock()
    vault = await made(MemoryStorage(clock), clock)
    with pytest.raises(RepositoryBrokenError):
        await import_archive(vault, writer(vault, selection=SELECTION), path, name="x", run="")
    assert [entry.name async for entry in vault.storage.entries("backups")] == []


@settings(max_examples=60, deadline=None)
@given(
    at=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255), cut=st.booleans(), packed=st.booleans()
)
def test_damage_anywhere_is_an_error_or_changes_nothing(
    at: float, mask: int, cut: bool, packed: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Bits turned over in the archive or within it, or an end too soon: never a crash, never another object."""
    path = written(tmp_path_factory.mktemp("velero") / "x.tar.gz", SHOP)
    data = path.read_bytes() if packed else gzip.decompress(path.read_bytes())
    where = int(at * len(data))
    data = data[:where] if cut else flipped(data, where, mask)
    path.write_bytes(data if packed else gzip.compress(data))
    try:
        found = [each for each in read_archive(path) if isinstance(each, VeleroObject)]
    except RepositoryError:
        return
    assert len(found) <= len(SHOP)


def test_what_an_import_selected_can_be_shown() -> None:
    """And is no selection that any backup of ours has: none rests on an import, and no rule removes it with others."""
    found = read_selection(SELECTION)
    assert selection_text(found) == "as velero had it"
    assert selection_json(found) == {"imported": "velero"} != selection_json(Selection())


async def test_an_import_stands_in_for_no_backup_of_ours(tmp_path: Path) -> None:
    """It was read long ago: neither is it the latest, nor does it make the last good one of ours removable."""
    clock = HandClock()
    vault = await made(MemoryStorage(clock), clock)
    await backup(vault, shop(1))
    path = written(tmp_path / "old.tar.gz", SHOP)
    who = writer(vault, selection=SELECTION, ids=CountedIds(50))
    assert (await import_archive(vault, who, path, name="old", run="")).mark.seq == 2
    chain = await load_chain(vault, CLUSTER)
    assert await resolve_backup(vault, chain, "latest") == 1
    assert await resolve_backup(vault, chain, "@2026-11-21T04:00:00Z") == 1
    assert await resolve_backup(vault, chain, "@2024-01-01") == 2
    assert await resolve_backup(vault, chain, "old") == 2
    with pytest.raises(UsageError, match="backup 1 of cluster"):
        await check_removable(vault, chain, [1])
    await check_removable(vault, chain, [2])


def headed(path: Path, size: int, times: int) -> Path:
    """An archive that is all extended headers, each of so many bytes."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, size
    record = b"11 path=ab\n".ljust(-(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE, b"\0")
    with gzip.open(path, "wb", 1) as file:
        for _ in range(times):
            file.write(info.tobuf(tarfile.USTAR_FORMAT) + record)
    return path


@pytest.mark.parametrize(("size", "times"), [(64 * 1024 * 1024, 1), (11, 3000)])
def test_headers_that_would_take_all_memory_or_the_whole_stack_are_refused(
    tmp_path: Path, size: int, times: int
) -> None:
    """`tarfile` reads a header whole, and each within the one before, before anybody sees a member."""
    with pytest.raises(RepositoryBrokenError, match=r"cannot be read as a tar\.gz"):
        list(read_archive(headed(tmp_path / "bomb.tar.gz", size, times)))


async def test_an_archive_of_tomorrow_is_of_today(tmp_path: Path) -> None:
    """Else it would be `latest` until then, whatever is backed up meanwhile."""
    clock = HandClock()
    path = tmp_path / "old.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in SHOP.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), int(clock.now().timestamp()) + 10**8
            archive.addfile(info, io.BytesIO(content))
    vault = await made(MemoryStorage(clock), clock)
    who = writer(vault, ids=CountedIds(1), selection=SELECTION)
    found = (await import_archive(vault, who, path, name="old", run="")).body
    assert found.cut.last_at == rfc3339(clock.now())
