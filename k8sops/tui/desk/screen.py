"""What every screen of the desk is: where we are, what it read and when, trouble in a sentence, and its keys.

It reads in a worker that says in a message what came; what was read stays in sight while nothing newer comes, marked
as stale.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.worker import WorkType

from k8sops.core.actor import Actor
from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.ops import Ops
from k8sops.core.tables import TableQuery
from k8sops.tui.key_line import KeyLine
from k8sops.tui.left_once import LeftOnce
from k8sops.tui.running.actor import actor_at_screen
from k8sops.tui.running.leaving import leave
from k8sops.tui.running.words import sentence_of
from k8sops.tui.session import Session
from k8sops.tui.status import SEPARATOR, Banner, ClusterLine, SaidLine, clock_text

Deed = Callable[[Ops, Actor], Awaitable[str]]
"""Something a person does here; returns a sentence about it."""


class Fetched(Message):
    """What was read."""

    def __init__(self, found: Any) -> None:
        super().__init__()
        self.found = found


class NotFetched(Message):
    """Why nothing newer was read."""

    def __init__(self, error: K8sOpsError) -> None:
        super().__init__()
        self.error = error


class DeedDone(Message):
    """What came of a deed."""

    def __init__(self, said: str) -> None:
        super().__init__()
        self.said = said


class DeedRefused(Message):
    """Why it was not done."""

    def __init__(self, error: K8sOpsError) -> None:
        super().__init__()
        self.error = error


class DeskScreen(LeftOnce[None]):
    """A screen over what `fetch` reads; who makes one says what it shows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r,ctrl+r", "read", "Refresh", show=False, id="desk.read"),
        Binding("escape,q", "back", "Back", key_display="esc", id="desk.back"),
        Binding("ctrl+c", "interrupt", "Quit", show=False, id="desk.interrupt"),
    ]
    DEFAULT_CSS = """
    DeskScreen > #title { height: 1; padding: 0 1; background: $surface; color: $text-muted; }
    DeskScreen > Footer { height: 1; }
    """
    EVERY_S: ClassVar[float] = 0.0
    """How often it reads by itself; 0: only when asked, because reading costs or nothing changes."""

    def __init__(self, connection: Session, clock: Clock) -> None:
        super().__init__()
        self._connection = connection
        self._clock = clock
        self._read_at: datetime | None = None
        self._trouble = ""
        self._said = ""

    @property
    def connection(self) -> Session:
        """The connection that everything goes through."""
        return self._connection

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield ClusterLine()
        yield SaidLine(id="title")
        yield Banner()
        yield from self.body()
        yield KeyLine()

    def on_mount(self) -> None:
        """Read, now and then."""
        self.action_read()
        if self.EVERY_S:
            self.set_interval(self.EVERY_S, self.read_by_itself)
        self.tell()

    def on_screen_resume(self) -> None:
        """What was covered may be out of date."""
        if self._read_at is not None and self.EVERY_S:
            self.read_by_itself()

    # What a screen of its own says

    def body(self) -> Iterator[Widget]:
        """What stands between banner and keys."""
        raise NotImplementedError

    async def fetch(self, ops: Ops) -> Any:
        """Read what is to be shown. In a worker: raises K8sOpsError, touches no widget."""
        raise NotImplementedError

    def show(self, found: Any) -> None:
        """Show what was read."""
        raise NotImplementedError

    def notes(self) -> Iterator[str]:
        """What the title says."""
        yield from ()

    # What it does for them

    def do(self, doing: str, deed: Deed) -> None:
        """Do something in a worker, and say what came of it."""
        self.say(f"~ {doing} …")
        begun: WorkType[None] = partial(self._do, deed)
        # The app's worker: leaving the screen does not take back what was said.
        self.app.run_worker(begun, group="deed")

    def say(self, sentence: str) -> None:
        """Show a sentence until the next one."""
        self._said = sentence
        self.tell()

    def tell(self) -> None:
        """Say where we are, what is shown, and how old it is."""
        try:
            self.query_one(ClusterLine).tell(self._connection.ops.cluster_info, TableQuery(kind="desk"))
        except K8sOpsError as error:
            self._trouble = f"! {sentence_of(error)}"
        self.query_one(Banner).say(self._said or self._trouble)
        parts = list(self.notes())
        if self._read_at is not None:
            parts.append(f"{'! STALE since' if self._trouble else '✓ read'} {clock_text(self._read_at)}")
        else:
            parts.append("✗ not read" if self._trouble else "~ reading …")
        self.query_one("#title", SaidLine).say(SEPARATOR.join(parts))

    def on_fetched(self, message: Fetched) -> None:
        """Show it."""
        self._read_at, self._trouble = self._clock.now(), ""
        self.show(message.found)
        self.tell()
        self.refresh_bindings()

    def on_not_fetched(self, message: NotFetched) -> None:
        """Say why; what was read stays."""
        again = "It is tried again by itself." if self.EVERY_S else "Ctrl-R tries again."
        self._trouble = f"! {sentence_of(message.error)} {again}"
        self.tell()

    def on_deed_done(self, message: DeedDone) -> None:
        """Say it, and read again."""
        self.say(f"✓ {message.said}" if message.said else "")
        self.read_again()

    def on_deed_refused(self, message: DeedRefused) -> None:
        """Say why not; it may have been done elsewhere meanwhile."""
        self.say(f"✗ {sentence_of(message.error)}")
        self.read_again()

    def action_read(self) -> None:
        """Read now."""
        self._said = ""
        self.read_again()

    def read_by_itself(self) -> None:
        """Nobody has asked: a screen may have reasons to wait until somebody does."""
        self.read_again()

    def read_again(self) -> None:
        """Read, unless another screen covers this one."""
        if self.is_current:
            # As a function: a coroutine that is overtaken before it began would never be awaited.
            fetch: WorkType[None] = self._fetch
            self.run_worker(fetch, group="fetch", exclusive=True)

    def action_back(self) -> None:
        """Return; a sentence goes first."""
        if self._said:
            self.say("")
        else:
            self.dismiss()

    def action_interrupt(self) -> None:
        """Leave the program, by the key every terminal program is left with."""
        leave(self.app, self._connection)

    async def _fetch(self) -> None:
        try:
            self.post_message(Fetched(await self.fetch(self._connection.ops)))
        except K8sOpsError as error:
            self.post_message(NotFetched(error))
        except Exception as error:  # noqa: BLE001 - worker boundary: a failure must reach the screen
            self.post_message(NotFetched(_unexpected(error)))

    async def _do(self, deed: Deed) -> None:
        try:
            ops = self._connection.ops
            self.post_message(DeedDone(await deed(ops, await actor_at_screen(ops))))
        except K8sOpsError as error:
            self.post_message(DeedRefused(error))
        except Exception as error:  # noqa: BLE001 - as above
            self.post_message(DeedRefused(_unexpected(error)))


def _unexpected(error: Exception) -> K8sOpsError:
    return K8sOpsError(f"it failed unexpectedly: {type(error).__name__}: {error}", hint="please report it")
