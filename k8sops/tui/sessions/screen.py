"""What a screen with rows offers of their pods: logs, shells, attaching, debugging, ports, files. By k9s's keys.

None of it shows a plan: policy is asked and it is on record before it begins (core.sessions).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.actions import SkipAction
from textual.binding import Binding, BindingType

from k8sops.core.tables import Row
from k8sops.tui.acting.offers import Offer
from k8sops.tui.acting.screen import Chosen
from k8sops.tui.kind_names import known_kind
from k8sops.tui.looking import LookingScreen

if TYPE_CHECKING:
    from k8sops.core.sessions import SessionKind, SessionWanted
    from k8sops.tui.sessions.beginning import SessionBeginner

WITH_PODS: Final = frozenset({"pods", "deployments", "replicasets", "statefulsets", "daemonsets"}) | {
    "replicationcontrollers",
    "jobs",
    "cronjobs",
    "services",
}
"""Kinds that have logs: their pods'."""


class SessionsScreen(LookingScreen):
    """A screen whose rows lead to pods."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "logs", "Logs", show=False, id="pods.logs"),
        Binding("p", "previous_logs", "Previous logs", show=False, id="pods.previous_logs"),
        Binding("D", "debug", "Debug container", show=False, id="pods.debug"),
        Binding("F", "forward", "Forward a port", show=False, id="pods.forward"),
    ]

    def container_chosen(self) -> str:
        """The container that is meant, where the rows are a pod's containers; empty elsewhere."""
        return ""

    def action_logs(self) -> None:
        """The logs of the row."""
        self._open_logs(previous=False)

    def action_previous_logs(self) -> None:
        """The logs of the container before the present one."""
        self._open_logs(previous=True)

    def action_debug(self) -> None:
        """A debug container in the pod."""
        self._begin_on(self._pod(), "debug")

    def action_forward(self) -> None:
        """A local port that leads to the pod, or to a ready pod of what is chosen."""
        kind, row = self._row_with_pods()
        self._begin_port(kind, row)

    def _open_dialog(self, offer: Offer, chosen: Chosen) -> None:
        """The menu says which row it was opened on: what has the focus by now does not matter."""
        if offer.on.opens != "session":
            super()._open_dialog(offer, chosen)
            return
        if not chosen.rows or not self._is_connected():
            return
        row = chosen.rows[0]
        match offer.action:
            case "session.attach":
                self._begin_on(row, "attach")
            case "session.exec":
                self._begin_on(row, "exec")
            case "session.debug":
                self._begin_on(row, "debug")
            case "session.port_forward":
                self._begin_port(known_kind(chosen.kind), row)
            case _:
                self._begin_files(row)

    def _begin_on(self, row: Row, kind: SessionKind) -> None:
        container = self.container_chosen()
        wanted = _wanted(kind, row, container=container)
        from k8sops.tui.sessions.opening_screen import OpeningScreen  # noqa: PLC0415 - loaded when needed

        opening = OpeningScreen(wanted.said.capitalize())

        def begin() -> None:
            # At once: the next key, typed fast, must not land in the table.
            self.app.push_screen(opening)

        self._beginner_runs(lambda beginner: beginner.on_terminal(wanted, opening), begin)

    def _begin_port(self, kind: str, row: Row) -> None:
        wanted = _wanted("port_forward", row, of=kind)
        self._beginner_runs(lambda beginner: beginner.on_port(wanted))

    def _begin_files(self, row: Row) -> None:
        wanted = _wanted("copy", row, container=self.container_chosen())
        self._beginner_runs(lambda beginner: beginner.on_files(wanted))

    def _beginner_runs(
        self,
        work: Callable[[SessionBeginner], Coroutine[Any, Any, None]],
        before: Callable[[], object] = lambda: None,
    ) -> None:
        from k8sops.tui.sessions.beginning import SessionBeginner  # noqa: PLC0415 - loaded when needed

        if not self._is_connected():
            return
        beginner = SessionBeginner(self.app, self.connection.ops)
        before()
        self.app.run_worker(work(beginner), group="session")

    def _is_connected(self) -> bool:
        if not self.connection.connected:
            self.notify("Not connected to the cluster: Ctrl-R tries again.", severity="warning", markup=False)
        return self.connection.connected

    def _pod(self) -> Row:
        kind, row = self._row_with_pods()
        if kind != "pods":
            raise SkipAction
        return row

    def _open_logs(self, *, previous: bool) -> None:
        from k8sops.core.logs import LogWanted  # noqa: PLC0415 - loaded when opened
        from k8sops.tui.logs.screen import LogScreen  # noqa: PLC0415 - as above

        kind, row = self._row_with_pods()
        wanted = LogWanted(
            kind=kind,
            name=row.name,
            namespace=row.namespace,
            container=self.container_chosen(),
            previous=previous,
        )
        self.app.push_screen(LogScreen(self.connection, self._clock, wanted))

    def _row_with_pods(self) -> tuple[str, Row]:
        """Raises SkipAction where the kind has no pods, or there is no row."""
        chosen = self._acted_on()
        kind = known_kind(chosen.kind)
        if kind not in WITH_PODS or not chosen.rows:
            raise SkipAction
        return kind, chosen.rows[0]


def _wanted(kind: SessionKind, row: Row, *, container: str = "", of: str = "pods") -> SessionWanted:
    from k8sops.core.sessions import SessionWanted  # noqa: PLC0415 - loaded when needed

    return SessionWanted(kind=kind, namespace=row.namespace, name=row.name, container=container, of=of)
