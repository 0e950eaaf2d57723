"""Screens that are opened by name after `:`. Who makes one adds its line here; nothing else in the shell changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any, Final, Protocol, runtime_checkable

from textual.screen import Screen

from k8sops.core.clock import Clock
from k8sops.tui.session import Session

Opening = Callable[[Session, Clock], Screen[Any]]


@runtime_checkable
class OpensFiltered(Protocol):
    """A screen with rows that `/` filters; what it is opened with is set before it is shown."""

    opening_filter: str


def _opening(where: str) -> Opening:
    """A screen that is loaded when it is opened: none of them is to delay the first frame."""

    def opened(connection: Session, clock: Clock) -> Screen[Any]:
        screen: Opening = resolve_name(f"k8sops.tui.{where}")
        return screen(connection, clock)

    return opened


_OVERVIEW: Final = _opening("overview.screen:OverviewScreen")

SCREENS: Final[Mapping[str, Opening]] = MappingProxyType(
    {
        "runs": _opening("running.runs_screen:RunsScreen"),
        "approvals": _opening("running.approvals_screen:ApprovalsScreen"),
        "overview": _OVERVIEW,
        "pulses": _OVERVIEW,
        "fleet": _opening("overview.fleet_screen:FleetScreen"),
        "helm": _opening("helm.releases_screen:ReleasesScreen"),
        "pf": _opening("sessions.forwards_screen:ForwardsScreen"),
        "portforward": _opening("sessions.forwards_screen:ForwardsScreen"),
        "schedules": _opening("desk.schedules_screen:SchedulesScreen"),
        "backups": _opening("desk.backups_screen:BackupsScreen"),
        "audit": _opening("desk.audit_screen:AuditScreen"),
        "policy": _opening("desk.policy_screen:PolicyScreen"),
        "settings": _opening("desk.settings_screen:SettingsScreen"),
        "aliases": _opening("desk.aliases_screen:AliasesScreen"),
    }
)
"""By the name typed. A kind of the same name, `backups` of some operator, is still shown by its full one."""
