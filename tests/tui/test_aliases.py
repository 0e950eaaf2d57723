"""The list of what can be typed after the colon, under a pilot."""

from __future__ import annotations

from k8sops.core.ports import Resource
from k8sops.tui.desk.aliases_screen import AliasesScreen
from k8sops.tui.live_table import LiveTable
from tests.tui.fake_runs import RunOps
from tests.tui.run_stage import stage

BINDINGS = "validatingadmissionpolicybindings"


def kind(group: str, plural: str, name: str) -> Resource:
    """A kind that a cluster serves."""
    return Resource(group=group, version="v1", plural=plural, kind=name, namespaced=True, verbs=("list",))


class Serving(RunOps):
    """A cluster with kinds of equal names."""

    async def kinds(self) -> tuple[Resource, ...]:
        return (
            kind("admissionregistration.k8s.io", BINDINGS, "ValidatingAdmissionPolicyBinding"),
            kind("velero.io", "backups", "Backup"),
            kind("", "events", "Event"),
            kind("events.k8s.io", "events", "Event"),
        )


async def test_a_kind_is_listed_by_the_least_that_means_it_and_nothing_else() -> None:
    """With their groups the names push the kinds out of a small terminal; Velero's backups are not our screen."""
    async with stage(Serving(), size=(80, 24)) as shown:
        await shown.open(AliasesScreen)
        await shown.sees(
            f"{BINDINGS} ", "ValidatingAdmissionPolicyBinding", "backups.velero.io", "events.k8s.io"
        )
        typed = [row.cells[0] for row in shown.app.screen.query_one(LiveTable).shown]
        assert typed[-4:] == ["backups.velero.io", "events", "events.events.k8s.io", BINDINGS]
