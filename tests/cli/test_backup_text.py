"""How lists of backups and differences read: at 80 columns, and where hundreds of pods came and went."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from k8sops.backup.differences import Difference
from k8sops.cli.backup_text import list_lines
from k8sops.cli.backups_diff import TOGETHER_FROM, change_lines
from k8sops.core.backups import BackupView, GapView
from k8sops.service.backup_views import ObjectChange

AT = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


def a_view(seq: int, name: str, *, gaps: tuple[GapView, ...] = (), cluster: str = "u-1") -> BackupView:
    """A backup of everything."""
    return BackupView(
        seq=seq, id=f"01KAJ4000000000000000000{seq:02}", name=name, cluster=cluster, cluster_name="production",
        run="", began_at=AT, made_at=AT, first_read_at=AT, last_read_at=AT, changed_meanwhile=0, read_again=0,
        server_version="v1", selection={}, selected="everything", objects=20_000, bytes=10_000_000,
        new_objects=3, new_bytes=30_000, kinds=(), complete=not gaps, gaps=gaps, volumes_not_captured=(),
        full_read=True, signer="", sha256="",
    )  # fmt: skip


def lines(*views: BackupView, width: int | None = None) -> list[str]:
    """As they are printed."""
    return list(list_lines(views, AT + timedelta(hours=3), width))


def test_a_script_sees_every_column_and_the_state_first() -> None:
    """Whether it is complete is what the choice depends on."""
    heading, row = lines(a_view(7, "production-20261120-020000"))
    assert heading.split() == [
        "NO",
        "STATE",
        "READ",
        "AGE",
        "OBJECTS",
        "SIZE",
        "NEW",
        "NAME",
        "CLUSTER",
        "ID",
        "OF",
    ]
    assert row.startswith("7   complete  2026-11-20 02:00:00  3h   20,000 ")


def test_what_a_terminal_has_no_room_for_is_left_out() -> None:
    """80 columns hold number, state, when, how many and of what; a short name has room beside them."""
    told = lines(a_view(7, "production-20261120-020000"), width=80)
    assert max(map(len, told)) <= 80
    assert told[0].split() == ["NO", "STATE", "READ", "AGE", "OBJECTS", "SIZE", "NEW", "OF"]
    told = lines(a_view(7, "nightly"), width=80)
    assert max(map(len, told)) <= 80
    assert told[0].split() == ["NO", "STATE", "READ", "AGE", "OBJECTS", "NEW", "NAME", "OF"]
    told = lines(a_view(7, "nightly"), a_view(3, "nightly", cluster="u-2"), width=80)
    assert "CLUSTER" in told[0].split(), "of several clusters each says which"


def test_many_of_a_kind_that_came_or_went_are_one_line() -> None:
    """After a rollout every pod is another one; what was changed must not drown in that."""
    pods = [
        ObjectChange(kind="pods", namespace="shop", name=f"web-{number:02}", change="removed")
        for number in range(TOGETHER_FROM)
    ]
    changed = ObjectChange(
        kind="deployments.apps",
        namespace="shop",
        name="web",
        change="changed",
        fields=(Difference(path="spec.replicas", change="changed", before=3, after=1),),
    )
    told = list(change_lines([*pods, changed]))
    assert told == [
        "- shop/pods: 10 removed: web-00, web-01, web-02, web-03, web-04 and 5 more; -o json lists all",
        "~ shop/deployments.apps/web: changed",
        "    spec.replicas: 3 → 1",
    ]
    assert len(list(change_lines(pods[1:]))) == TOGETHER_FROM - 1, "a few are named one by one"
