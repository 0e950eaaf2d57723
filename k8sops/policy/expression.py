"""Conditions in CEL (the language of Kubernetes admission), checked when a policy is loaded and bounded when asked.

The evaluator cannot be interrupted, so its cost is bounded by what is let in: expressions of at most 1,000 characters,
no comprehension inside another (500 steps stay linear), input of at most 60,000 values and 2 MB of text. `matches` is
RE2: linear, too. Names and functions that do not exist are refused at load. What still fails while evaluating raises
ConditionError, and its rule denies.

`cel` is imported when a policy has a condition; it takes 0.2 s.
"""

from __future__ import annotations

import re
from typing import Any, Final

EXPRESSION_LIMIT: Final = 1000
VALUE_LIMIT: Final = 60_000
TEXT_LIMIT: Final = 2_000_000

VARIABLES: Final[dict[str, frozenset[str]]] = {
    "plan": frozenset(
        {
            "action",
            "policy_key",
            "params",
            "steps",
            "findings",
            "warnings",
            "blast_radius",
            "namespaces",
            "risk",
            "execute_as",
        }
    ),
    "actor": frozenset({"name", "groups", "surface", "os_user", "team", "auth"}),
    "person": frozenset({"name", "groups", "mapped", "shared"}),
    "cluster": frozenset({"uid", "name", "environment", "labels", "protected", "known"}),
    "now": frozenset(),
    "surface": frozenset(),
    "emergency": frozenset(),
    "schedule": frozenset(),
}
"""What an expression may name, and the fields of each."""

FUNCTIONS: Final = frozenset(
    {
        "size", "contains", "startsWith", "endsWith", "matches", "has", "int", "uint", "double", "string", "bytes",
        "timestamp", "duration", "type", "dyn", "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek",
        "getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds",
    }
)  # fmt: skip

_MACRO: Final = re.compile(r"\.\s*(all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)?")
_TEXT: Final = re.compile(
    r"([rRbB]{0,2})(\"\"\".*?\"\"\"|'{3}.*?'{3}|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')", re.DOTALL
)
_FIELD: Final = re.compile(r"(?<![\w.])(plan|actor|person|cluster)\s*\.\s*([A-Za-z_]\w*)(?!\s*\()")


class ConditionError(Exception):
    """A condition cannot be understood, or cannot be answered for this plan; the message says why."""


class Condition:
    """A compiled expression."""

    __slots__ = ("_program", "source")

    def __init__(self, source: str) -> None:
        self.source: Final = source
        self._program: Final = _compiled(source)

    def holds(self, variables: Any) -> bool:
        """Whether it is true of these variables (from `bounded`). Raises ConditionError."""
        result = _safely(self._program.execute, variables)
        if not isinstance(result, bool):
            raise ConditionError(f"it gives {type(result).__name__}, not true or false")
        return result


class Pattern:
    """A regular expression in RE2 syntax: no look-around, no back references, and never more than linear time."""

    __slots__ = ("_program", "source")

    def __init__(self, source: str) -> None:
        import cel  # noqa: PLC0415 - only where a policy has patterns

        self.source: Final = source
        self._program: Final = cel.compile("text.matches(pattern)")
        self.found_in("")

    def found_in(self, text: str) -> bool:
        """Whether the text contains a match. Raises ConditionError where the pattern is none."""
        return bool(_safely(self._program.execute, {"text": text, "pattern": self.source}))


def bounded(variables: dict[str, Any]) -> Any:
    """The variables in the form conditions take. Raises ConditionError where they are too large."""
    import cel  # noqa: PLC0415 - only where a policy has conditions

    _Budget().spend(variables)
    return _safely(cel.Context, variables)


class _Budget:
    """Counts values and characters, and refuses once there are too many."""

    def __init__(self) -> None:
        self._values = VALUE_LIMIT
        self._text = TEXT_LIMIT

    def spend(self, value: Any) -> None:
        """Count a value and all within it."""
        waiting = [value]
        while waiting:
            found = waiting.pop()
            self._values -= 1
            if isinstance(found, str):
                self._text -= len(found)
            elif isinstance(found, dict):
                waiting.extend(found.values())
                self._text -= sum(len(str(key)) for key in found)
            elif isinstance(found, list | tuple):
                waiting.extend(found)
            if self._values < 0 or self._text < 0:
                raise ConditionError("the plan is too large to be asked about")


def _compiled(source: str) -> Any:
    import cel  # noqa: PLC0415 - only where a policy has conditions

    if len(source) > EXPRESSION_LIMIT:
        raise ConditionError(f"it has {len(source)} characters; at most {EXPRESSION_LIMIT} are allowed")
    bare = _TEXT.sub(_blanked, source)
    if "//" in bare:
        raise ConditionError("comments are not allowed in it; write them in YAML")
    bound = _macros(bare)
    program = _safely(cel.compile, source)
    if unknown := set(program.variables()) - bound - set(VARIABLES):
        raise ConditionError(f"there is no {sorted(unknown)[0]!r}; it may name {', '.join(VARIABLES)}")
    if shadowed := bound & set(VARIABLES):
        raise ConditionError(f"{sorted(shadowed)[0]!r} is taken; call the element something else")
    if unknown := {name for name in program.functions() if name[0].isalpha()} - FUNCTIONS:
        raise ConditionError(f"there is no function {sorted(unknown)[0]}()")
    for variable, field in _FIELD.findall(bare):
        if field not in VARIABLES[variable]:
            fields = ", ".join(sorted(VARIABLES[variable]))
            raise ConditionError(f"{variable} has no {field!r}; it has {fields}")
    return program


def _blanked(literal: re.Match[str]) -> str:
    if literal[1].strip("bB") or literal[2].startswith(("'''", '"""')):
        raise ConditionError("raw and triple-quoted texts are not allowed in it; write 'a' or \"a\"")
    return '""'


def _macros(bare: str) -> set[str]:
    """The names that comprehensions bind. Raises ConditionError where one stands inside another."""
    names = set()
    spans: list[tuple[int, int]] = []
    for match in _MACRO.finditer(bare):
        if any(begin < match.start() < end for begin, end in spans):
            raise ConditionError(f".{match[1]}() stands inside another one; only one level is allowed")
        spans.append((match.start(), _closing(bare, bare.index("(", match.start()))))
        if match[2]:
            names.add(match[2])
    return names


def _closing(bare: str, opening: int) -> int:
    depth = 0
    for place in range(opening, len(bare)):
        depth += {"(": 1, ")": -1}.get(bare[place], 0)
        if depth == 0:
            return place
    return len(bare)


def _safely(call: Any, *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except BaseException as error:
        # A panic inside the evaluator arrives as a BaseException of its own; it must deny, not end the process.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ConditionError(_told(error)) from error


def _told(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"there is no {error.args[0]!r} in what it asks about"
    text = " ".join(str(error).split())
    return text.split(" Check ", 1)[0][:200]
