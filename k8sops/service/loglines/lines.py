"""What becomes of log lines, in one place: secrets out, chosen, folded, written. One object for one request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from k8sops.core.log_levels import Level
from k8sops.core.logs import LogEntry
from k8sops.service.loglines.filtering import Leveled, LineFilter
from k8sops.service.loglines.folding import Folder
from k8sops.service.loglines.printing import LinePrinter, LineStyle, Printed
from k8sops.service.loglines.redacting import LineRedactor


class Lines:
    """Batches in, text out. Raises UsageError, when it is made, for a pattern or template that cannot be used."""

    def __init__(
        self,
        style: LineStyle,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        least: Level = Level.UNKNOWN,
        folder: Folder | None = None,
        redactor: LineRedactor | None = None,
    ) -> None:
        leveled = style.output in {"json", "extjson", "template"} or style.colour or style.readable
        self._redactor: Final = redactor
        self._filter: Final = LineFilter(include=include, exclude=exclude, least=least, leveled=leveled)
        self._folder: Final = folder
        self._printer: Final = LinePrinter(style)

    def printed(self, batch: Sequence[LogEntry]) -> Printed:
        """The next batch."""
        if self._redactor is not None:
            batch = self._redactor.redacted(batch)
        lines: Iterable[Leveled] = self._filter.passed(batch)
        if self._folder is not None:
            lines = self._folder.folded(lines)
        return self._printer.printed(lines)

    def quiet(self) -> Printed:
        """Nothing has come for a while: what is counted is told."""
        return self._printer.printed(self._folder.rest() if self._folder is not None else ())

    def rest(self) -> Printed:
        """The end: what was held back and what is counted."""
        lines = list(self._filter.passed(self._redactor.rest())) if self._redactor is not None else []
        if self._folder is not None:
            lines = [*self._folder.folded(lines), *self._folder.rest()]
        return self._printer.printed(lines)

    def remarks(self) -> list[str]:
        """What is to be said at the end, where lines are not as they were."""
        return self._printer.remarks()
