"""What policy says to every action here: for oneself, or for anybody it knows; Enter says why, rule by rule.

Actions that get the same answer for the same reason share a row: forty near-equal rows are read by nobody.
"""

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
    "confirm": ("✓", "ok"),
    "approve": ("!", "warn"),
    "deny": ("✗", "bad"),
}
_STRICTEST: Final = ("deny", "approve", "confirm", "allow")
NAMED: Final = 3
"""So many actions of an answer are named in its row; Enter lists them."""


class PolicyScreen(ListScreen):
    """Every answer with the actions, at the risks they can have, that get it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "person", "Next person", id="policy.person"),
        Binding("n", "namespace", "Namespace", id="policy.namespace"),
    ]
    DEFAULT_CSS = """
    PolicyScreen > #facts { height: auto; max-height: 8; }
    """
    WORD: ClassVar[str] = "answer"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="State"),
        Column(name="Risk"),
        Column(name="Actions"),
        Column(name="Asks for"),
        Column(name="Why"),
        # Looked in by the filter, whatever is shown.
        Column(name="All actions", priority=1),
    )

    def __init__(self, connection: Session, clock: Clock) -> None:
        super().__init__(connection, clock)
        self._person = self._namespace = ""
        self._view: PolicyView | None = None
        self._answers: dict[str, list[ActionVerdict]] = {}

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
        self._answers = _grouped(found.verdicts)
        lines = [
            fact("for", found.who),
            fact("about", f"one object in namespace {found.namespace}, or a node; n asks about another"),
            fact("policy", f"{found.sentence}; {found.source}"),
            *(Line(f"! {warning}", "warn", 1, 2) for warning in found.warnings),
        ]
        self.query_one("#facts", LinesView).show(lines)
        self.put([_row(key, those) for key, those in self._answers.items()])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Others can be asked about where the policy knows any."""
        if action == "person":
            return self._view is not None and bool(self._view.people)
        return super().check_action(action, parameters)

    def opened(self, row: Row) -> None:
        """Rule by rule; where several actions share the answer, after one of them is chosen."""
        those = self._answers[row.uid]
        if len(those) == 1:
            self.app.push_screen(VerdictScreen(self._connection, self._clock, those[0]))
        else:
            self.app.push_screen(AnswerScreen(self._connection, self._clock, those))

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


class AnswerScreen(ListScreen):
    """The actions that get one answer."""

    WORD: ClassVar[str] = "action"
    COLUMNS: ClassVar[tuple[Column, ...]] = (Column(name="Action"), Column(name="Risk"), Column(name="Why"))

    def __init__(self, connection: Session, clock: Clock, verdicts: Sequence[ActionVerdict]) -> None:
        super().__init__(connection, clock)
        self._verdicts = {one.action: one for one in verdicts}

    async def fetch(self, ops: Ops) -> Sequence[ActionVerdict]:
        """They are there already."""
        return tuple(self._verdicts.values())

    def show(self, found: Sequence[ActionVerdict]) -> None:
        """A row each."""
        self.put([row_of(one.action, (one.action, str(one.risk), one.why)) for one in found])

    def opened(self, row: Row) -> None:
        """Rule by rule."""
        self.app.push_screen(VerdictScreen(self._connection, self._clock, self._verdicts[row.uid]))

    def notes(self) -> Iterator[str]:
        """Which answer."""
        yield WORDS[next(iter(self._verdicts.values())).effect]
        yield from super().notes()


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


def _grouped(verdicts: Sequence[ActionVerdict]) -> dict[str, list[ActionVerdict]]:
    """By answer; an action that gets it at several risks stands in each risk's row."""
    found: dict[str, list[ActionVerdict]] = {}
    for one in sorted(verdicts, key=lambda each: (_STRICTEST.index(each.effect), -each.risk.rank)):
        found.setdefault(" ".join((one.effect, one.risk, *one.asks, one.why)), []).append(one)
    return found


def _row(key: str, those: Sequence[ActionVerdict]) -> Row:
    one, names = those[0], [each.action for each in those]
    asks = ", ".join(line.removeprefix("needs ") for line in one.asks)
    more = f" +{len(names) - NAMED}" if len(names) > NAMED else ""
    named = ", ".join(names[:NAMED]) + more
    return row_of(key, (WORDS[one.effect], str(one.risk), named, asks, one.why, ", ".join(names)))
