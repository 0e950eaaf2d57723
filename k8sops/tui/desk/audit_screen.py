"""The audit trail: the latest records, what is asked of them, one whole, the proof that it holds, and a copy of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

import msgspec
from textual.binding import Binding, BindingType

from k8sops.core.actor import Actor
from k8sops.core.audit import AuditFilter
from k8sops.core.clock import Clock
from k8sops.core.desk import AuditView
from k8sops.core.errors import K8sOpsError
from k8sops.core.ops import Ops
from k8sops.core.tables import Column, Row
from k8sops.service.audit_asking import ASKED, filter_of
from k8sops.tui.desk.list_screen import ListScreen, row_of
from k8sops.tui.desk.record_screen import RecordScreen
from k8sops.tui.running.asking import Choice, ask
from k8sops.tui.running.words import sentence_of
from k8sops.tui.session import Session

MOST_SHOWN: Final = 500
NOTHING_FITS: Final = "No record fits. f asks for others, Esc takes back what was asked."
_NO: Final = Choice("n", "Cancel")


class AuditScreen(ListScreen):
    """The newest records first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "find", "Find", id="audit.find"),
        Binding("v", "verify", "Verify", id="audit.verify"),
        Binding("e", "export", "Export", id="audit.export"),
    ]
    EVERY_S: ClassVar[float] = 5.0
    WORD: ClassVar[str] = "record"
    EMPTY: ClassVar[str] = "Nothing is on record yet: whatever is changed, voted on or revealed here will be."
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Seq", type="integer"),
        Column(name="When (UTC)"),
        Column(name="Code"),
        Column(name="Who"),
        Column(name="What"),
        Column(name="Run", priority=1),
    )

    def __init__(self, connection: Session, clock: Clock) -> None:
        super().__init__(connection, clock)
        self._asked = ""
        self._wanted = AuditFilter(limit=MOST_SHOWN)
        self._views: dict[str, AuditView] = {}

    async def fetch(self, ops: Ops) -> Sequence[AuditView]:
        """The records that fit."""
        return await (await ops.records()).audit(self._wanted)

    def show(self, found: Sequence[AuditView]) -> None:
        """A row each."""
        self._views = {str(one.seq): one for one in found}
        self.put([_row(one) for one in found], empty=NOTHING_FITS if self._asked else "")

    def notes(self) -> Iterator[str]:
        """What was asked, and whether these are all."""
        yield from super().notes()
        if self._asked:
            yield f"asked for {self._asked}"
        if self.table.total == MOST_SHOWN:
            yield "older ones are not shown, f asks for them"

    def opened(self, row: Row) -> None:
        """All of one."""
        self.app.push_screen(RecordScreen(self._connection, self._clock, self._views[row.uid]))

    def read_by_itself(self) -> None:
        """The end of the trail is followed; a search may read all of it, and is made once."""
        if not self._asked:
            self.read_again()

    def action_find(self) -> None:
        """Ask the store for other records than the latest."""
        ask(
            self.app,
            "Find records",
            f"Which records? {ASKED}",
            (Choice("f", "Find"), _NO),
            lambda answer: self._find(answer.text),
            prompt="person=alice since=2h (empty: all)",
            text=self._asked,
        )

    def action_verify(self) -> None:
        """Prove that the chain holds."""
        self.do("reading every record again", _verify)

    def action_export(self) -> None:
        """Write the trail to a file."""

        def begin(path: str) -> None:
            async def deed(ops: Ops, actor: Actor) -> str:
                return await (await ops.records()).export_audit(Path(path), actor)

            self.do("exporting", deed)

        ask(
            self.app,
            "Export",
            "Write all records to a new file, signed by this installation's key? The export is itself on record.",
            (Choice("e", "Export"), _NO),
            lambda answer: begin(answer.text or "k8sops-audit.jsonl"),
            prompt="file (k8sops-audit.jsonl)",
        )

    def action_back(self) -> None:
        """Take back what was asked, else return."""
        if self._asked and not self._said and not self.table.filter.text:
            self._find("")
        else:
            super().action_back()

    def _find(self, text: str) -> None:
        try:
            wanted = filter_of(text, self._clock.now())
        except K8sOpsError as error:
            self.say(f"✗ {sentence_of(error)}")
            return
        self._asked, self._wanted = text, msgspec.structs.replace(wanted, limit=MOST_SHOWN)
        self.action_read()


async def _verify(ops: Ops, _: Actor) -> str:
    proof = await (await ops.records()).verify_audit()
    if not proof.ok:
        raise K8sOpsError(
            proof.sentence, hint=proof.note or "keep the store as it is, and ask who looks after it"
        )
    return " ".join(part for part in (proof.sentence, f"Note elsewhere {proof.expect}.", proof.note) if part)


def _row(one: AuditView) -> Row:
    number = str(one.seq)
    if one.trouble:
        return row_of(number, (number, "", "✗ cannot be read", "", one.trouble, ""))
    when = one.at[:19].replace("T", " ")
    return row_of(number, (number, when, one.code, one.who, one.what, one.run))
