"""Every commit of the engine by name, and a run that comes by there."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from k8sops.core.run import RunState

ENGINE: Final = Path(__file__).parents[2] / "k8sops" / "engine"
ELSEWHERE: Final = frozenset({"proving.py"})
"""What is only committed where statements are signed has tests of its own."""

Task = Literal["carry", "propose", "vote", "start", "cancel", "settle", "sweep"]

DONE: Final = frozenset({RunState.SUCCEEDED})
IN_DOUBT: Final = frozenset({RunState.NEEDS_REVIEW})


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Who comes by a crash point, how often at least, and how the run may end once others have gone on with it."""

    task: Task = "carry"
    params: dict[str, Any] = {}
    before: frozenset[RunState] = DONE
    """Where the process dies just before the commit."""
    after: frozenset[RunState] = DONE
    """Where it dies just after."""
    nth: int = 1


CASES: Final[dict[str, Case]] = {
    "claimed": Case(),
    "heartbeat": Case(
        params={"items": 8, "step_s": 0.1}, before=DONE | IN_DOUBT, after=DONE | IN_DOUBT, nth=3
    ),
    "carrier.gone": Case(),
    "step.started": Case(after=IN_DOUBT, nth=2),
    "step.done": Case(before=IN_DOUBT, nth=2),
    "step.failed": Case(params={"fail_at": 1}, before=IN_DOUBT, after=frozenset({RunState.FAILED})),
    "step.broken_off": Case(params={"break_at": 1}, before=IN_DOUBT, after=IN_DOUBT),
    "event": Case(params={"signal": "nod"}),
    "progress": Case(params={"progress": True}),
    "timer.started": Case(params={"pause_s": 0.05}),
    "timer.passed": Case(params={"pause_s": 0.05}),
    "parked": Case(params={"pause_s": 3.0}),
    "run.running": Case(),
    "run.succeeded": Case(),
    "run.failed": Case(
        params={"fail_at": 1}, before=frozenset({RunState.FAILED}), after=frozenset({RunState.FAILED})
    ),
    "run.cancelled": Case(
        params={"hang_at": 1}, before=frozenset({RunState.CANCELLED}), after=frozenset({RunState.CANCELLED})
    ),
    "run.needs_review": Case(params={"hang_at": 0}, before=IN_DOUBT, after=IN_DOUBT),
    "run.void": Case(before=frozenset({RunState.VOID}), after=frozenset({RunState.VOID})),
    "run.denied": Case(after=frozenset({RunState.DENIED})),
    "run.proposed": Case(task="propose"),
    "run.voted": Case(task="vote"),
    "run.queued": Case(task="start"),
    "run.cancel_asked": Case(task="cancel", after=frozenset({RunState.CANCELLED})),
    "run.resumed": Case(task="settle"),
    "run.expired": Case(task="sweep", after=frozenset({RunState.EXPIRED})),
}


def names_in_the_code() -> dict[str, list[str]]:
    """What the engine's source calls its commits: names, or patterns where a part is computed; with their files."""
    found: dict[str, list[str]] = {}
    for path in sorted(ENGINE.glob("*.py")):
        if path.name in ELSEWHERE:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                for name in _names_of(node):
                    found.setdefault(name, []).append(path.name)
    return found


def _names_of(call: ast.Call) -> list[str]:
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if called in {"write", "answered"}:
        named = [keyword.value for keyword in call.keywords if keyword.arg == "name"]
        given = named or [argument for argument in call.args[1:2] if _is_text(argument)]
    elif called == "_record":
        given = call.args[:1]
    else:
        return []
    return [text for value in given for text in _texts(value)]


def _is_text(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant | ast.JoinedStr | ast.IfExp)


def _texts(value: ast.expr) -> list[str]:
    """Literal names; `*` stands for what is computed."""
    if isinstance(value, ast.Constant):
        return [str(value.value)]
    if isinstance(value, ast.IfExp):
        return _texts(value.body) + _texts(value.orelse)
    if isinstance(value, ast.JoinedStr):
        parts = [str(part.value) if isinstance(part, ast.Constant) else "*" for part in value.values]
        return ["".join(parts)]
    return []
