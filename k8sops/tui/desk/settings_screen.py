"""What is in force and from where: each setting, its value, and the flag, variable or file that gave it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from k8sops.core.desk import SettingView
from k8sops.core.ops import Ops
from k8sops.core.tables import Column, Row
from k8sops.tui.desk.list_screen import ListScreen, row_of

NONE: Final = "none"


class SettingsScreen(ListScreen):
    """Every setting; what somebody has set comes first."""

    WORD: ClassVar[str] = "setting"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Setting"),
        Column(name="From"),
        Column(name="Value"),
    )

    async def fetch(self, ops: Ops) -> Sequence[SettingView]:
        """Read where each is from."""
        return await (await ops.records()).settings()

    def show(self, found: Sequence[SettingView]) -> None:
        """A row each."""
        self.put([row_of(one.key, (one.key, one.source, one.value or NONE)) for one in found])

    def opened(self, row: Row) -> None:
        """The whole value, which may be longer than its column."""
        key, source, value = row.cells
        self.say(f"{key}: {value} ({source})")
