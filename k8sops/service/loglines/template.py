"""Lines by a template of the user's own: Jinja2 in its sandbox, checked before the first line is read.

A line that does not fit, since it lacks a field that the template names, is shown as it is and counted: a template
never costs a line.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, Final

from k8sops.core.errors import UsageError
from k8sops.core.log_levels import NAMES, Level, level_named
from k8sops.core.logs import LogEntry, moment_of
from k8sops.service.loglines.colours import NAMED, level_colour, painted, pod_colour
from k8sops.service.loglines.json_line import fields_of
from k8sops.service.loglines.safe import clean, clean_values
from k8sops.service.loglines.times import Times

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import ImmutableSandboxedEnvironment

FIELDS: Final = ("namespace", "pod", "container", "message", "level", "time", "timestamp", "fields", "cut")
FILTERS: Final = ("color", "level_color", "pod_color", "parse", "json", "time")
LONGEST: Final = 10_000


class LineTemplate:
    """A compiled template. Raises UsageError, a sentence, where it cannot be used."""

    def __init__(self, source: str, *, colour: bool, zone: tzinfo | None) -> None:
        self._colour: Final = colour
        self._zone: Final = zone
        self._times: Final = Times("default", zone)
        if len(source) > LONGEST:
            raise UsageError(f"the template is longer than {LONGEST} characters")
        from jinja2 import TemplateError

        # An expression of the user's can fail in any of these ways, on any line.
        self._failures: Final = (
            TemplateError,
            ArithmeticError,
            AttributeError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
        )
        try:
            self._template, self._names = self._compiled(source)
        except TemplateError as error:
            raise _unusable(f"{type(error).__name__}: {error}".replace("\n", " ")) from error
        if unknown := self._names - set(FIELDS):
            raise _unusable(f"it names {', '.join(sorted(unknown))}, which no line has")

    def shown(self, entry: LogEntry, level: Level) -> str:
        """The line by the template. Raises LookupError, with a sentence, where the line does not fit."""
        values: dict[str, Any] = {
            "namespace": entry.stream.namespace,
            "pod": entry.stream.pod,
            "container": entry.stream.container,
            "message": clean(entry.text),
            "level": NAMES[level - 1] if level else "",
            "timestamp": self._times.of(entry.at),
            "cut": entry.cut,
        }
        if "time" in self._names:
            values["time"] = moment_of(entry.at).astimezone(self._zone)
        if "fields" in self._names:
            values["fields"] = clean_values(fields_of(entry.text) or {})
        try:
            return self._template.render(values)
        except self._failures as error:
            raise LookupError(f"{type(error).__name__}: {error}".replace("\n", " ")) from error

    def _compiled(self, source: str) -> tuple[Template, frozenset[str]]:
        from jinja2 import meta

        environment = _environment()
        environment.filters.update(
            color=self._painted,
            level_color=lambda text, level=None: self._by_level(str(text), level),
            pod_color=lambda text: self._coded(str(text), pod_colour(str(text))),
            parse=lambda text: clean_values(fields_of(str(text)) or {}),
            json=lambda value: json.dumps(value, ensure_ascii=False, default=str),
            time=_formatted,
        )
        parsed = environment.parse(source)
        if any(True for _ in meta.find_referenced_templates(parsed)):
            raise _unusable("there is no other template that it could include")
        names = frozenset(meta.find_undeclared_variables(parsed))
        return environment.from_string(source), names

    def _painted(self, text: object, name: str) -> str:
        if name not in NAMED:
            raise ValueError(f"there is no colour {name!r}: {', '.join(NAMED)}")
        return self._coded(str(text), NAMED[name])

    def _by_level(self, text: str, level: object) -> str:
        return self._coded(text, level_colour(level_named(text if level is None else level)))

    def _coded(self, text: str, code: str) -> str:
        return painted(text, code) if self._colour else text


def _environment() -> ImmutableSandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, cache_size=0)


def _formatted(value: object, form: str = "%H:%M:%S") -> str:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).strftime(form)


def _unusable(why: str) -> UsageError:
    return UsageError(
        f"the template is not used: {why}",
        hint=f"fields: {', '.join(FIELDS)}; filters: {', '.join(FILTERS)}, and those of Jinja2",
    )
