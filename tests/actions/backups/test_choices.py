"""What is read, and when all of it: flags, files of filters, kinds of a server, what an incremental backup rests on."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from pydantic import ValidationError

from k8sops.actions.backups.backup_params import BackupParams
from k8sops.actions.backups.backup_run import incomplete
from k8sops.actions.backups.incremental import Standing, manner_of
from k8sops.actions.backups.kinds import EPHEMERAL, choose_kinds
from k8sops.backup.bodies import BackupBody, Cut, FileRef, Gap
from k8sops.backup.selection import make_selection
from k8sops.core.clock import parse_rfc3339, rfc3339
from k8sops.core.errors import UnknownKindError, UsageError
from k8sops.core.ports import DiscoveryGap, Resource

NOW = parse_rfc3339("2026-11-21T03:00:00.000Z")
EVERY = ("get", "list", "create", "delete", "watch")


def served(plural: str, group: str = "", version: str = "v1", verbs: tuple[str, ...] = EVERY) -> Resource:
    """A resource of a server."""
    return Resource(
        group=group, version=version, plural=plural, kind=plural.title(), namespaced=True, verbs=verbs
    )


def backup_at(seq: int, at: datetime, *, full: bool, server: str = "v1.36.3") -> Standing:
    """A backup as the next one looks at it."""
    moment = rfc3339(at)
    body = BackupBody(
        id="01JD7Q8Z4N5X6Y7V8W9ABCDEFG",
        name="nightly",
        run="",
        began_at=moment,
        made_at=moment,
        cluster_name="shop",
        server_version=server,
        selection={},
        listing=FileRef("0" * 32, "0" * 64),
        bases=(),
        indexes=(),
        kinds=(),
        objects=0,
        bytes=0,
        new_objects=0,
        new_bytes=0,
        gaps=(),
        complete=True,
        cut=Cut(first_at=moment, last_at=moment, changed=0, read_again=0),
        volumes_not_captured=(),
        full_read=full,
    )
    return Standing(seq=seq, body=body)


def test_lists_are_given_with_commas_or_several_times() -> None:
    """Velero's way, and this program's."""
    params = BackupParams.model_validate(
        {"include_namespaces": ["a,b", "c"], "exclude_kinds": "secrets, pods", "selector": "app in (a,b)"}
    )
    assert params.include_namespaces == ("a", "b", "c")
    assert params.exclude_kinds == ("secrets", "pods")
    assert params.selector == ("app in (a,b)",), "a selector has commas of its own"


def test_one_namespace_is_given_as_to_every_other_command() -> None:
    """`backup -n shop` that backs up everything is a surprise, and much of it Secrets."""
    params = BackupParams.model_validate({"namespace": "shop"})
    assert params.selected.include_namespaces == ("shop",)
    with pytest.raises(ValidationError, match="one of the two"):
        BackupParams.model_validate({"namespace": "shop", "include_namespaces": ["payments"]})


def test_filters_of_a_file_become_part_of_the_params(tmp_path: Path) -> None:
    """Approvers see the selection itself, and no carrier reads the file again."""
    file = tmp_path / "filters.yaml"
    file.write_text("exclude-namespaces: [kube-*]\nexclude-kinds: [secrets]\ncluster-scoped: no\n")
    params = BackupParams.model_validate({"filters": [str(file)], "exclude_kinds": ["pods"]})
    assert params.filters == ()
    assert params.exclude_kinds == ("pods", "secrets")
    assert params.exclude_namespaces == ("kube-*",)
    assert params.cluster_scoped == "no"
    assert BackupParams.model_validate(params.model_dump(mode="json")) == params


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("namespaces: [a]", "say 'namespaces'"),
        ("include-kinds: 3", "no list"),
        ("- a", "no mapping"),
        ("a: &x [1]", "cannot be read"),
        ("include-kinds: ['a/b']", "names no kind"),
    ],
)
def test_a_file_of_filters_that_says_something_else_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """A filter that is not understood would take too much or too little."""
    file = tmp_path / "filters.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=told):
        BackupParams.model_validate({"filters": [str(file)]})


def test_a_file_that_is_not_there_and_a_name_that_cannot_be_are_refused(tmp_path: Path) -> None:
    """Before a cluster is asked for anything."""
    with pytest.raises(UsageError, match="No such file"):
        BackupParams.model_validate({"filters": [str(tmp_path / "no")]})
    with pytest.raises(ValidationError, match="letters"):
        BackupParams.model_validate({"name": "a b"})


def test_each_kind_is_read_once_in_the_version_its_group_prefers() -> None:
    """And the others are known, for a restore to another API server."""
    choice = choose_kinds(
        [
            served("hpas", "autoscaling", "v2"),
            served("hpas", "autoscaling", "v1"),
            served("pods"),
            served("events"),
            served("tokenreviews", "authentication.k8s.io", verbs=("create",)),
            served("componentstatuses", verbs=("get", "list")),
        ],
        make_selection(ephemeral=EPHEMERAL),
    )
    assert [(kind.key, kind.resource.version, kind.served) for kind in choice.kinds] == [
        (("", "pods"), "v1", ("v1",)),
        (("autoscaling", "hpas"), "v2", ("v2", "v1")),
    ]
    assert choice.left_out == ("events",)


def test_a_kind_that_may_be_in_an_undiscovered_group_is_not_called_unknown() -> None:
    """The gap is told instead: the kind may well exist."""
    wanted = make_selection(include_kinds=["widgets"])
    with pytest.raises(UnknownKindError, match="widgets"):
        choose_kinds([served("pods")], wanted)
    gap = DiscoveryGap(group_version="shop.example.com/v1", message="stale")
    assert choose_kinds([served("pods")], wanted, [gap]).kinds == ()


def test_everything_is_read_where_the_last_backup_cannot_be_rested_on() -> None:
    """No backup, asked for, another API server, or too long ago; else only what changed."""
    lately, long_ago = NOW - timedelta(days=1), NOW - timedelta(days=8)

    def full(*like: Standing, server: str = "v1.36.3", asked: bool = False, every: int = 7) -> bool:
        return manner_of(like, server, NOW, full=asked, full_every_days=every).full

    night = backup_at(2, lately, full=False)
    assert full()
    assert full(backup_at(1, lately, full=True), asked=True)
    assert full(backup_at(1, lately, full=True), server="v1.37.0")
    assert full(night, backup_at(1, long_ago, full=True))
    assert not full(night, backup_at(1, long_ago, full=True), every=0)
    assert not full(night, backup_at(1, NOW - timedelta(days=6), full=True))
    assert full(backup_at(1, NOW + timedelta(days=300), full=True))


def test_a_backup_with_many_gaps_fails_with_a_sentence_that_can_be_read() -> None:
    """A server that is half away gives dozens, each with a paragraph; it was all of it, in one line, twice."""
    gaps = tuple(Gap(group=f"g{n}.example", resource="", namespace="", why="away " * 90) for n in range(41))
    error = incomplete(msgspec.structs.replace(backup_at(7, NOW, full=True).body, gaps=gaps))
    assert "is INCOMPLETE, with 41 gaps: g0.example (away away" in error.message
    assert error.message.endswith("…); and 38 more")
    assert len(error.message) < 700
    assert error.hint.startswith("`k8sops backups show 01JD7Q8Z4N5X6Y7V8W9ABCDEFG` names all")
