"""What of a backup is put back: chosen step by step, or by marking what is in it; it always ends in the one dialog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, SelectionList
from textual.widgets.option_list import Option
from textual.widgets.selection_list import Selection

from k8sops.core.backups import BackupName, BackupView, ObjectView
from k8sops.core.clock import Clock
from k8sops.core.errors import UsageError
from k8sops.core.ops import Ops
from k8sops.core.text import counted, printable
from k8sops.tui.acting.dialog import ActionDialog
from k8sops.tui.acting.offers import Doing
from k8sops.tui.desk.screen import DeskScreen
from k8sops.tui.session import Session

ANYTHING: Final = ObjectView(kind="", namespace="", name="", uid="", resource_version="")
EXISTING: Final = {
    "skip": "leave what is there as it is, and restore only what is missing",
    "update": "bring what is there back to how it was (server-side apply)",
    "recreate": "delete what is there and differs, and make it anew",
}
CLUSTER_SCOPED: Final = "(in no namespace)"


def restoring_kinds(view: BackupView, kinds: Sequence[str]) -> Doing:
    """Put back all objects of these kinds."""
    what = kinds[0] if len(kinds) == 1 else counted(len(kinds), "kind")
    return _restoring(view, what, {"include_kinds": list(kinds)})


def restoring_objects(view: BackupView, objects: Sequence[ObjectView]) -> Doing:
    """Put back these objects. Raises UsageError where they lie in several namespaces."""
    namespaces = {one.namespace for one in objects}
    if len(namespaces) > 1:
        raise UsageError(
            f"the {len(objects)} marked objects are in {len(namespaces)} namespaces, and one plan takes those of one",
            hint="restore the whole namespaces (r in the list of backups), or mark fewer",
        )
    what = f"{objects[0].kind}/{objects[0].name}" if len(objects) == 1 else counted(len(objects), "object")
    params: dict[str, Any] = {"object": [f"{one.kind}/{one.name}" for one in objects]}
    if namespace := next(iter(namespaces)):
        params["namespace"] = namespace
    return _restoring(view, what, params)


def _restoring(view: BackupView, what: str, params: dict[str, Any]) -> Doing:
    return Doing(
        action="restore",
        params={"backup": view.id, **params},
        title=f"Restore {what} from backup {view.seq}, read {view.last_read_at:%Y-%m-%d %H:%M} UTC",
    )


class RestoreScreen(DeskScreen):
    """Three questions, one after the other: which namespaces, which kinds, and what becomes of what is there."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "onward", "Next", priority=True, key_display="⏎", id="restore.next"),
        Binding("a", "toggle_all", "All/none", id="restore.all"),
        Binding("r", "nothing", show=False),
        Binding("j", "move(1)", "Down", show=False, id="restore.down"),
        Binding("k", "move(-1)", "Up", show=False, id="restore.up"),
    ]
    DEFAULT_CSS = """
    RestoreScreen > SelectionList, RestoreScreen > OptionList {
        height: 1fr; border: none; padding: 0 1; background: $surface;
    }
    RestoreScreen > SelectionList:focus, RestoreScreen > OptionList:focus { border: none; }
    RestoreScreen > Input { border: none; height: 1; padding: 0 2; background: $panel; }
    RestoreScreen > Input:focus { border: none; }
    """
    QUESTIONS: ClassVar[tuple[str, ...]] = (
        "1 of 3 · Which namespaces? Space takes one out or in",
        "2 of 3 · Which kinds? Space takes one out or in",
        "3 of 3 · What becomes of what is there and differs?",
    )

    def __init__(self, connection: Session, clock: Clock, view: BackupView) -> None:
        super().__init__(connection, clock)
        self._view = view
        self._step = 0
        self._objects: Sequence[ObjectView] = ()
        self._namespaces: dict[str, int] = {}
        self._chosen_namespaces: frozenset[str] = frozenset()

    def body(self) -> Iterator[Widget]:
        """One list for each question; one is in sight."""
        yield SelectionList[str](id="step-0")
        yield SelectionList[str](id="step-1")
        yield OptionList(
            *(Option(Content(f"{word:<9} {text}"), id=word) for word, text in EXISTING.items()), id="step-2"
        )
        yield Input(placeholder="into other namespaces (optional): FROM:TO FROM:TO", id="mapping")

    def on_mount(self) -> None:
        """The first question."""
        self._turn(0)

    async def fetch(self, ops: Ops) -> Sequence[ObjectView]:
        """What is in the backup; it does not change, so it is read once."""
        if self._objects:
            return self._objects
        return await (await ops.records()).backup_objects(BackupName(self._view.id, self._view.cluster))

    def show(self, found: Sequence[ObjectView]) -> None:
        """Fill the first question, once."""
        if self._objects or not found:
            return
        self._objects = found
        self._namespaces = dict(sorted(Counter(one.namespace for one in found).items()))
        self._fill("#step-0", {name: count for name, count in self._namespaces.items() if name})
        self._turn(0)

    def notes(self) -> Iterator[str]:
        """Which backup, and the question."""
        yield f"Restore from backup {self._view.seq}"
        yield self.QUESTIONS[self._step]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only lists of many have all and none."""
        if action == "toggle_all":
            return self._step < 2
        return super().check_action(action, parameters)

    def action_nothing(self) -> None:
        """Reading again would take back what was chosen."""

    def action_move(self, step: int) -> None:
        """Move by the hands' own keys."""
        listed = self._list
        if step > 0:
            listed.action_cursor_down()
        else:
            listed.action_cursor_up()

    def action_toggle_all(self) -> None:
        """Take all, or none where all are taken."""
        listed = self._selection(self._step)
        if len(listed.selected) == listed.option_count:
            listed.deselect_all()
        else:
            listed.select_all()

    def action_onward(self) -> None:
        """The next question, or the dialog."""
        if not self._objects:
            return
        if self._step < 2 and not self._selection(self._step).selected:
            self.say("! Nothing is chosen; a takes all.")
            return
        self.say("")
        if self._step == 0:
            self._take_namespaces()
        if self._step < 2:
            self._turn(self._step + 1)
        else:
            self.app.push_screen(ActionDialog(self._connection, self._clock, self.doing()))

    def action_back(self) -> None:
        """The question before, else leave."""
        if self._step and not self._said:
            self._turn(self._step - 1)
        else:
            super().action_back()

    def doing(self) -> Doing:
        """The restore that was chosen; what is chosen whole is not named."""
        params: dict[str, Any] = {}
        all_namespaces = {name for name in self._namespaces if name}
        if self._chosen_namespaces != all_namespaces:
            params["include_namespaces"] = sorted(self._chosen_namespaces)
        kinds = self._selection(1)
        if len(kinds.selected) != kinds.option_count:
            params["include_kinds"] = sorted(kinds.selected)
        existing = self.query_one("#step-2", OptionList).highlighted or 0
        if existing:
            params["existing"] = list(EXISTING)[existing]
        if mapping := self.query_one("#mapping", Input).value.split():
            params["namespace_mapping"] = mapping
        if "include_namespaces" in params:
            what = counted(len(self._chosen_namespaces), "namespace")
        else:
            what = "all namespaces" if "include_kinds" not in params else "kinds"
        return _restoring(self._view, what, params)

    def _take_namespaces(self) -> None:
        """The kinds that there are in them; of a choice already made, what still is there stays."""
        chosen = frozenset(self._selection(0).selected)
        if chosen == self._chosen_namespaces:
            return
        self._chosen_namespaces = chosen
        whole = len(chosen) == sum(1 for name in self._namespaces if name)
        taken = (one for one in self._objects if one.namespace in chosen or (whole and not one.namespace))
        self._fill("#step-1", dict(sorted(Counter(one.kind for one in taken).items())))

    def _fill(self, where: str, counts: dict[str, int]) -> None:
        listed = self.query_one(where, SelectionList)
        listed.clear_options()
        width = max((len(f"{count:,}") for count in counts.values()), default=0)
        listed.add_options(
            [
                Selection(Content(f"{count:>{width},}  {printable(name)}"), name, initial_state=True)
                for name, count in counts.items()
            ]
        )
        listed.highlighted = 0 if counts else None

    def _turn(self, step: int) -> None:
        self._step = step
        for number in range(3):
            self.query_one(f"#step-{number}").display = number == step
        self.query_one("#mapping", Input).display = step == 2
        self._list.focus()
        if step == 2:
            self.query_one("#step-2", OptionList).highlighted = 0
        self.tell()
        self.refresh_bindings()

    @property
    def _list(self) -> OptionList:
        return self.query_one(f"#step-{self._step}", OptionList)

    def _selection(self, step: int) -> SelectionList[str]:
        found: SelectionList[str] = self.query_one(f"#step-{step}", SelectionList)
        return found
