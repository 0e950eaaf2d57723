"""Backups on the screen: how old against what is allowed, what is inside, what differs now, and the way back."""

from __future__ import annotations

from k8sops.core.backups import ObjectDifference
from k8sops.tui.acting.dialog import ActionDialog
from k8sops.tui.desk.backup_screen import ObjectScreen
from k8sops.tui.desk.restoring import RestoreScreen, restoring_objects
from k8sops.tui.screens import SCREENS
from tests.tui.fake_records import a_backup, an_object
from tests.tui.fake_runs import RecordOps
from tests.tui.run_stage import Stage, stage


async def _opened(shown: Stage) -> None:
    await shown.open(SCREENS["backups"])
    await shown.sees("3 backups")


async def test_the_list_tells_what_is_overdue_incomplete_and_unreadable() -> None:
    """A backup that lacks something, or does not open, protects nobody, and must not look like one that does."""
    async with stage(RecordOps(), size=(80, 24)) as shown:
        await _opened(shown)
        await shown.sees(
            "✗ the newest complete backup is 30 h old", "INCOMPLETE,1 gap", "unreadable", "1234", "5.0Mi"
        )
        await shown.press("end")
        await shown.until(lambda: "restore" not in shown.offered())
        await shown.press("enter")
        await shown.until(lambda: "its key is not here" in shown.banner)


async def test_one_looks_into_a_backup_down_to_an_object_and_a_secret_is_revealed_only_on_record() -> None:
    """Whoever may read the repository may see a Secret; that they did is on record before they do."""
    ops = RecordOps()
    async with stage(ops) as shown:
        await _opened(shown)
        await shown.press("enter")
        await shown.sees("3 kinds", "✓ complete", "data of 1 volume are NOT in it", "deployments.apps")
        assert "pods" not in shown.text(), "a kind without objects is no row"
        await shown.press("down", "enter")
        await shown.sees("1 object · secrets", "db")
        await shown.press("enter")
        await shown.sees("password: (hidden)", "values hidden, x reveals")
        assert ops.kept_here.done == []
        await shown.press("x")
        await shown.sees("hunter2", "! values REVEALED, which is on record")
        assert ("reveal", "01BACKUP3", "db", "alice@acme.example") in ops.kept_here.done
        assert isinstance(shown.app.screen, ObjectScreen)
        assert "reveal" not in shown.offered()


async def test_a_diff_with_the_cluster_says_what_is_gone_and_what_was_not_compared() -> None:
    """`nothing differs` would be a lie where a kind could not be read."""
    ops = RecordOps()
    ops.kept_here.differs = (
        ObjectDifference(kind="deployments.apps", namespace="shop", name="web", change="removed"),
        ObjectDifference(
            kind="configmaps", namespace="shop", name="flags", change="changed", fields=("data.a: 1 → 2",)
        ),
    )
    async with stage(ops) as shown:
        await _opened(shown)
        await shown.press("d")
        await shown.sees(
            "backup 3 against the cluster now", "2 differences", "~1 -1", "- removed", "~ changed"
        )
        assert ("compare", "01BACKUP3", "", "", "") in ops.kept_here.done
        assert "widgets.acme was not compared: the cluster does not serve it" in shown.banner
        await shown.press("end", "enter")
        await shown.sees("~ changed: on both, and not the same", "data.a: 1 → 2")


async def test_the_wizard_asks_three_things_and_ends_in_the_dialog() -> None:
    """A restore is rare and made in a hurry: what is put back is chosen from what there is, not typed."""
    async with stage(RecordOps()) as shown:
        await _opened(shown)
        await shown.press("r")
        await shown.sees("Restore from backup 3 · 1 of 3")
        wizard = shown.app.screen
        assert isinstance(wizard, RestoreScreen)
        await shown.press("a", "enter")
        await shown.until(lambda: "Nothing is chosen" in shown.banner)
        await shown.press("a", "space", "enter")
        await shown.sees("2 of 3")
        assert wizard.doing().params == {"backup": "01BACKUP3", "include_namespaces": ["shop"]}
        await shown.press("escape")
        await shown.sees("1 of 3")
        await shown.press("space", "enter")
        await shown.press("down", "space", "enter")
        await shown.sees("3 of 3")
        await shown.press("down")
        assert wizard.doing().params == {
            "backup": "01BACKUP3",
            "include_kinds": ["deployments.apps", "secrets"],
            "existing": "update",
        }, "what is chosen whole is not named: later kinds and namespaces of the backup count, too"
        await shown.press("enter")
        await shown.until(lambda: isinstance(shown.app.screen, ActionDialog))


async def test_marked_objects_are_put_back_together_where_one_plan_takes_them() -> None:
    """One plan is of one namespace; what it would leave out in silence is refused in a sentence."""
    ops = RecordOps()
    async with stage(ops) as shown:
        await _opened(shown)
        await shown.press("enter", "enter")
        await shown.sees("2 objects · deployments.apps")
        await shown.press("space", "down", "space", "r")
        await shown.until(lambda: "2 marked objects are in 2 namespaces" in shown.banner)
        await shown.press("space", "r")
        await shown.until(lambda: isinstance(shown.app.screen, ActionDialog))
    doing = restoring_objects(a_backup(3), [an_object("deployments.apps", "shop", "web")])
    assert doing.params == {"backup": "01BACKUP3", "object": ["deployments.apps/web"], "namespace": "shop"}
