"""Keys that work from anywhere: to the next request that waits for a vote, and to the prompt for a command.

Requests come oldest first, those of others before one's own.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.actions import SkipAction
from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.worker import WorkType

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.tui.session import Session

if TYPE_CHECKING:
    from k8sops.core.ops import Ops
    from k8sops.core.run import RunId

MOST_WAITING: Final = 200


async def next_request(ops: Ops, after: RunId = "") -> RunId:
    """Which run waits for a vote behind another one; after the last comes the first, and empty where none does."""
    from k8sops.core.run import RunFilter, RunState  # noqa: PLC0415 - loaded when needed

    wanted = RunFilter(
        states=(RunState.AWAITING_APPROVAL,), cluster_uid=ops.cluster_info.uid, limit=MOST_WAITING
    )
    found = [run for run in await ops.runs(wanted) if run.id != after]
    me = (await ops.whoami()).username
    waiting = sorted(run.id for run in found if run.actor.name != me) or sorted(run.id for run in found)
    return next((run for run in waiting if run > after), waiting[0] if waiting else "")


class ApprovingApp(App[int]):
    """An application in which `!` leads to the next request and `:` to a command, from any screen that has no keys of
    its own for that; who makes one sets `_clock`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("exclamation_mark", "next_request", "Approve", key_display="!", show=False, id="app.approve"),
        # By priority, so that what is typed right behind it is already the prompt's.
        Binding(
            "colon", "to_command", "Command", key_display=":", show=False, priority=True, id="app.command"
        ),
    ]

    _clock: Clock

    def action_next_request(self) -> None:
        """Show the next request, in place of the one that is shown."""
        from k8sops.tui.running.run_screen import RunScreen  # noqa: PLC0415 - loaded when opened

        screen = self.screen
        if isinstance(screen, RunScreen):
            screen.action_next()
            return
        connection = getattr(screen, "connection", None)
        if isinstance(connection, Session) and connection.connected:
            work: WorkType[None] = partial(self._to_next_request, connection)
            self.run_worker(work, group="next request", exclusive=True)

    def action_to_command(self) -> None:
        """Go back to where commands are typed, and begin one; where text is typed, it is text."""
        typing = self.focused is not None and self.focused.check_consume_key("colon", ":")
        if typing or isinstance(self.screen, ModalScreen) or hasattr(self.screen, "action_command"):
            raise SkipAction
        stack: list[Any] = list(reversed(self.screen_stack))
        found = next((one for one in stack if hasattr(one, "action_command")), None)
        if found is not None:
            begin = found.action_command
            while self.screen is not found:
                self.pop_screen()
            begin()

    async def _to_next_request(self, connection: Session) -> None:
        from k8sops.tui.running.run_screen import RunScreen  # noqa: PLC0415 - as above

        try:
            run = await next_request(connection.ops)
        except K8sOpsError as error:
            from k8sops.tui.running.words import sentence_of  # noqa: PLC0415 - loaded when needed

            self.notify(sentence_of(error), title="Approvals", severity="warning", markup=False)
            return
        if not run:
            self.notify("Nothing waits for approval on this cluster.", title="Approvals", markup=False)
            return
        self.push_screen(RunScreen(connection, run, self._clock))
