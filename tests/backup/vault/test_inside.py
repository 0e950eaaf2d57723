"""Looking into backups: what was where when, what differs between two, and all of it as YAML."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from k8sops.backup.listing import Kind
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.vault.contents import Contents, load_contents
from k8sops.backup.vault.diffing import diff_backups
from k8sops.backup.vault.exporting import escaped, export_backup
from k8sops.backup.vault.finding import find_objects
from k8sops.backup.vault.items import Facts, Item, Key
from k8sops.backup.vault.manifests import load_chain
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.writing import write_backup
from k8sops.backup.yaml_writing import yaml_text
from k8sops.core.errors import UsageError
from tests.backup.clock import HandClock
from tests.backup.files import CLUSTER, kind_of
from tests.backup.vault.clusters import State, backup, body, each, item, shop, state, writer
from tests.backup.vault.clusters import facts as usual_facts
from tests.backup.vault.world import CountedIds, made

BAD = item("pods", "bad", data=b"no json")


async def contents_of(vault: Vault, seq: int) -> Contents:
    """A backup's rows."""
    return await load_contents(vault, CLUSTER, await body(vault, seq))


def named(name: str) -> Any:
    """Objects of this name."""
    return lambda _kind, row: row.name == name


async def found(vault: Vault, name: str) -> list[tuple[str, int, int]]:
    """The history of the only object of that name."""
    result = await find_objects(vault, await load_chain(vault, CLUSTER), named(name))
    assert not result.unreadable
    assert len(result.objects) == 1
    return [(episode.what, episode.first, episode.last) for episode in result.objects[0].history]


async def test_an_object_is_found_with_everything_that_became_of_it(clock: HandClock) -> None:
    """When it came, when it was another, when it went: who wants it back needs the last one that had it."""
    vault = await made(MemoryStorage(clock), clock)
    one, two = item("pods", "a"), item("pods", "a", version=2)
    again = Item(one.key, "uid-new", "9", data=one.data)
    steps: list[State] = [
        shop(1),
        state(one),
        state(one),
        state(two),
        shop(1),
        shop(2),
        state(again),
        state(one),
    ]
    for number, cluster in enumerate(steps):
        await backup(vault, cluster, first_id=number * 10)
    assert await found(vault, "a") == [
        ("first seen", 2, 3),
        ("changed", 4, 4),
        ("gone", 5, 6),
        ("recreated", 7, 7),
        ("recreated", 8, 8),
    ]


async def test_missing_is_not_gone_where_a_backup_would_not_have_had_it(clock: HandClock) -> None:
    """A backup of another namespace, or one that could not read the kind, knows nothing of it."""
    vault = await made(MemoryStorage(clock), clock)
    await backup(vault, state(item("pods", "a")))
    await backup(vault, state(item("nodes", "n")), first_id=10, selection={"kinds": ["nodes"]})
    await backup(vault, state(BAD), first_id=20)
    await backup(vault, state(item("pods", "a")), first_id=30)
    assert await found(vault, "a") == [("first seen", 1, 4)]


async def test_a_backup_that_cannot_be_read_is_named_and_the_others_are_searched(clock: HandClock) -> None:
    """One lost file must not hide the object that somebody needs back."""
    vault = await made(MemoryStorage(clock), clock)
    for number in range(3):
        await backup(vault, shop(1, version=number), first_id=number * 10, selection={"n": number})
    await vault.storage.delete(f"listings/{(await body(vault, 2)).listing.id}")
    result = await find_objects(vault, await load_chain(vault, CLUSTER), named("web-0"))
    assert [seq for seq, _ in result.unreadable] == [2]
    assert [episode.first for episode in result.objects[0].history] == [1, 3]


async def test_two_backups_differ_by_objects_and_fields(clock: HandClock) -> None:
    """Added, removed, changed, made again; in the order in which they lie."""
    vault = await made(MemoryStorage(clock), clock)
    kept = item("pods", "kept")
    reborn = Item(
        kept.key, "uid-other", "8", data=json.dumps({"metadata": {"name": "kept", "uid": "o"}}).encode()
    )
    await backup(vault, state(item("pods", "a"), item("pods", "b"), kept, item("nodes", "n")))
    await backup(
        vault, state(item("pods", "b", version=2), item("pods", "c"), reborn, item("nodes", "n")), first_id=9
    )
    one, two = await contents_of(vault, 1), await contents_of(vault, 2)
    result = [found async for found in diff_backups(vault, one, two)]
    assert [(found.key.name, found.change) for found in result] == [
        ("a", "removed"),
        ("b", "changed"),
        ("c", "added"),
        ("kept", "recreated"),
    ]
    assert [field.path for field in result[1].differences] == ["version"]
    assert [found async for found in diff_backups(vault, two, two)] == []
    only = [found.key.name async for found in diff_backups(vault, one, two, wanted=named("c"))]
    assert only == ["c"]


async def test_what_could_not_be_read_is_not_called_removed(clock: HandClock) -> None:
    """A gap in the second backup says nothing about what lies in it."""
    vault = await made(MemoryStorage(clock), clock)
    await backup(vault, state(item("pods", "a"), item("nodes", "n")))
    await backup(vault, state(BAD), first_id=9)
    one, two = await contents_of(vault, 1), await contents_of(vault, 2)
    result = {found.key.name: found.change async for found in diff_backups(vault, one, two)}
    assert result == {"a": "unknown", "n": "removed"}


def secret(value: str) -> Item:
    """A Secret with this value."""
    shown = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db", "namespace": "shop", "uid": "u", "resourceVersion": "5"},
        "data": {"password": value},
    }
    return Item(Key("", "secrets", "shop", "db"), "u", "5", data=json.dumps(shown).encode())


async def secret_facts() -> Facts:
    """Of a backup of Secrets and roles."""
    found = await usual_facts()
    kinds = (kind_of("", "secrets"), kind_of("rbac.authorization.k8s.io", "clusterroles", namespaced=False))
    return Facts(**{name: getattr(found, name) for name in found.__struct_fields__} | {"kinds": kinds})


def _bare(_: Kind, found: dict[str, Any]) -> dict[str, Any]:
    """No more than its kind and names."""
    metadata = {key: value for key, value in found["metadata"].items() if key in {"name", "namespace"}}
    return {key: value for key, value in found.items() if key != "status"} | {"metadata": metadata}


async def test_a_backup_becomes_files_that_only_their_owner_reads(tmp_path: Path, clock: HandClock) -> None:
    """Names that lead elsewhere stay below the folder, Secrets stay out unless they are asked for."""
    vault = await made(MemoryStorage(clock), clock)
    group = "rbac.authorization.k8s.io"
    hostile = ["system:a", "..a", ".hidden", "x\x1b[2J\n", "Ünï", "a" * 253]
    roles = [
        Item(
            Key(group, "clusterroles", "", name),
            "u",
            "1",
            data=json.dumps(
                {"kind": "ClusterRole", "metadata": {"name": name, "uid": "u"}, "status": {}}
            ).encode(),
        )
        for name in hostile
    ]
    items = [secret("aHVudGVyMg=="), *roles]
    await write_backup(vault, writer(vault, ids=CountedIds(), cluster=CLUSTER), each(items), secret_facts)
    contents = await contents_of(vault, 1)
    exported = await export_backup(vault, contents, tmp_path / "out", clean=_bare)
    assert (exported.objects, exported.secrets_left_out) == (6, 1)
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {path.parent for path in files} == {tmp_path / "out" / "cluster" / f"clusterroles.{group}"}
    assert sorted(yaml.safe_load(path.read_text())["metadata"]["name"] for path in files) == sorted(hostile)
    assert all(set(yaml.safe_load(path.read_text())) == {"kind", "metadata"} for path in files)
    folders = {parent for file in files for parent in file.parents if tmp_path in parent.parents}
    for path in [*files, *folders]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o600 if path.is_file() else 0o700), path
        assert path.name.isprintable()
    everything = await export_backup(vault, contents, tmp_path / "all", clean=_bare, secrets=True)
    assert everything.objects == 7
    text = (tmp_path / "all" / "namespaces" / "shop" / "secrets" / "db.yaml").read_text()
    assert yaml.safe_load(text)["data"] == {"password": "aHVudGVyMg=="}
    assert "resourceVersion" not in text
    with pytest.raises(UsageError, match="not empty"):
        await export_backup(vault, contents, tmp_path / "all", clean=_bare)


@given(st.text(min_size=1, max_size=300).filter(lambda name: "/" not in name))
def test_no_name_leads_out_of_its_folder(name: str) -> None:
    """Every name is one part of a path, of a length that file systems take, and no two are the same."""
    part = escaped(name)
    assert os.sep not in part
    assert part not in {"", ".", ".."}
    assert part.isascii()
    assert part.isprintable()
    assert len(part.encode()) <= 250
    assert escaped(name + "x") != part


texts = st.sampled_from(
    ["y", "n", "on", "1e3", "0o14", "1_000", "~", "null", ".inf", "1:30", "=", "<<", "- a", "a: b", "#x", "2026-11-21",
     " lead", "trail ", "a\n b\n", "\ttab\n", "\x00\x1b", "0x1F", "Ünï\U0001f600", "", "!x", "&a", "*a", "%", "@", "`"]
) | st.text(max_size=8)  # fmt: skip
documents = st.dictionaries(
    texts,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    ),
    max_size=4,
)


@given(documents)
def test_yaml_is_read_back_as_what_it_was(found: dict[str, Any]) -> None:
    """Above all no text becomes a number, a date or a switch; two parsers, which differ at the edges."""
    assert yaml.safe_load(yaml_text(found)) == found
    assert yaml.load(yaml_text(found), Loader=yaml.CSafeLoader) == found


def test_words_that_some_reader_takes_for_switches_are_quoted() -> None:
    """kubectl's reader is another than ours: what is not quoted is beyond doubt text."""
    for word in ("y", "No", "ON", "1e3", "0o14", "12", "~", "null", "1_0"):
        assert yaml_text({"a": word}) == f'"a": "{word}"\n' or yaml_text({"a": word}) == f'a: "{word}"\n'
    assert yaml_text({"image": "registry.example/web"}) == "image: registry.example/web\n"


def test_several_lines_are_a_block_and_lists_stand_as_kubectl_writes_them() -> None:
    """What is written out is read by people."""
    found = {
        "data": {"a": "x\n  y\n"},
        "spec": {"ports": [{"port": 80, "names": ["a", ["b"]]}], "empty": [], "b": "x\ny"},
    }
    assert yaml_text(found) == (
        "data:\n  a: |\n    x\n      y\nspec:\n  ports:\n  - port: 80\n    names:\n    - a\n    - - b\n  empty: []\n"
        "  b: |-\n    x\n    y\n"
    )


def test_a_key_that_no_reader_would_take_for_one_makes_it_json() -> None:
    """A reader looks only so far for the colon behind it."""
    found = {"a": {"k" * 2000: "v"}}
    assert json.loads(yaml_text(found)) == found


def test_depth_is_no_way_to_bring_the_export_down() -> None:
    """JSON is YAML, too."""
    deep: dict[str, Any] = {}
    for _ in range(700):
        deep = {"a": deep}
    assert json.loads(yaml_text(deep)) == deep
