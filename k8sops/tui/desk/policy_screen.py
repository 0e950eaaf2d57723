"""What policy says to every action here: for oneself, or for anybody it knows; Enter says why, rule by rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.widget import Widget

from k8sops.core.clock import Clock
from k8sops.core.desk import ActionVerdict, PolicyView
from k8sops.core.ops import Ops
from k8sops.core.tables import Column, Row
from k8sops.tui.desk.list_screen import ListScreen, row_of
from k8sops.tui.desk.page_screen import PageScreen, fact, heading
from k8sops.tui.running.actor import actor_at_screen
from k8sops.tui.running.asking import Answer, Choice, ask
from k8sops.tui.running.lines_view import Line, LinesView, Look
from k8sops.tui.session import Session

WORDS: Final = {"allow": "allowed", "confirm": "to confirm", "approve": "needs approval", "deny": "denied"}
_LOOKS: Final[dict[str, tuple[str, Look]]] = {
    "allow": ("✓", "ok"),
    "confirm": ("·", ""),
    "approve": ("!", "warn"),
    "deny": ("✗", "bad"),
}


class PolicyScreen(ListScreen):
    """Every action at every risk it can have."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "person", "Next person", id="policy.person"),
        Binding("n", "namespace", "Namespace", id="policy.namespace"),
    ]
    DEFAULT_CSS = """
    PolicyScreen > #facts { height: auto; max-height: 8; }
    """
    WORD: ClassVar[str] = "answer"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Action"),
        Column(name="Risk"),
        Column(name="State"),
        Column(name="Asks for"),
        Column(name="Why"),
    )

    def __init__(self, connection: Session, clock: Clock) -> None:
        super().__init__(connection, clock)
        self._person = self._namespace = ""
        self._view: PolicyView | None = None
        self._verdicts: dict[str, ActionVerdict] = {}

    def body(self) -> Iterator[Widget]:
        """Whose policy and for whom, and the table."""
        yield LinesView(id="facts")
        yield from super().body()

    async def fetch(self, ops: Ops) -> PolicyView:
        """Ask it."""
        return await (await ops.records()).policy(await actor_at_screen(ops), self._person, self._namespace)

    def show(self, found: PolicyView) -> None:
        """A row each."""
        self._view = found
        self._verdicts = {f"{one.action} {one.risk}": one for one in found.verdicts}
        lines = [
            fact("for", found.who),
            fact("about", f"one object in namespace {found.namespace}, or a node; n asks about another"),
            fact("policy", f"{found.sentence}; {found.source}"),
            *(Line(f"! {warning}", "warn", 1, 2) for warning in found.warnings),
        ]
        self.query_one("#facts", LinesView).show(lines)
        self.put([_row(key, one) for key, one in self._verdicts.items()])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Others can be asked about where the policy knows any."""
        if action == "person":
            return self._view is not None and bool(self._view.people)
        return super().check_action(action, parameters)

    def opened(self, row: Row) -> None:
        """Rule by rule."""
        self.app.push_screen(VerdictScreen(self._connection, self._clock, self._verdicts[row.uid]))

    def action_namespace(self) -> None:
        """Ask about an object elsewhere."""

        def about(answer: Answer) -> None:
            self._namespace = answer.text
            self.action_read()

        ask(
            self.app,
            "Namespace",
            "Where would the object lie that is changed?",
            (Choice("a", "Ask"), Choice("n", "Cancel")),
            about,
            prompt="namespace (empty: the default one)",
        )

    def action_person(self) -> None:
        """Ask for the next person; after the last for oneself."""
        known = ("", *(self._view.people if self._view is not None else ()))
        place = known.index(self._person) if self._person in known else 0
        self._person = known[(place + 1) % len(known)]
        self.action_read()


class VerdictScreen(PageScreen):
    """One answer, and every rule that was asked."""

    def __init__(self, connection: Session, clock: Clock, verdict: ActionVerdict) -> None:
        super().__init__(connection, clock)
        self._verdict = verdict

    async def fetch(self, ops: Ops) -> ActionVerdict:
        """It is there already."""
        return self._verdict

    def lines(self, found: Any) -> Sequence[Line]:
        """The verdict, what it asks for, the rules that apply, and those that do not."""
        verdict: ActionVerdict = found
        glyph, look = _LOOKS[verdict.effect]
        head = f"{glyph} {WORDS[verdict.effect]}"
        return [
            Line(f"{head}: {verdict.why}", look, len(head), 2),
            *(Line(f"  {line}", indent=2) for line in verdict.asks),
            Line(""),
            heading("The strictest of these applies"),
            *(
                Line(f"{_LOOKS[rule.effect][0]} {rule.name}: {rule.why}", _LOOKS[rule.effect][1], 1, 2)
                for rule in verdict.rules
                if rule.applies
            ),
            Line(""),
            heading("These were asked, and do not apply"),
            *(Line(f"  {rule.name}: {rule.why}", indent=2) for rule in verdict.rules if not rule.applies),
        ]

    def notes(self) -> Iterator[str]:
        """Which answer."""
        yield f"{self._verdict.action}, {self._verdict.risk}"


def _row(key: str, one: ActionVerdict) -> Row:
    asks = ", ".join(line.removeprefix("needs ") for line in one.asks)
    return row_of(key, (one.action, str(one.risk), WORDS[one.effect], asks, one.why))
