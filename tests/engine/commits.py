"""The names of the engine's commits, read from its source: what a crash point stands at, and what names cannot be read.

A commit is `Database.write`, or whatever function passes its own parameter `name` on to one: those are found first, so
that a new helper hides no commit. A name that is computed is a pattern, `*` for what only the program knows.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

ENGINE: Final = Path(__file__).parents[2] / "k8sops" / "engine"
ROOT: Final = "write"

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Commits(msgspec.Struct, frozen=True):
    """What there is."""

    names: frozenset[str]
    unreadable: tuple[str, ...]
    """`FILE:LINE` of commits whose name is neither literal nor passed on."""


class _Way(msgspec.Struct, frozen=True):
    """A function that commits under the name it is given."""

    called: str
    method: bool
    place: int | None
    """Where the name stands in a call that does not name it."""


def commits_in(folder: Path) -> Commits:
    """Every commit of the Python files under `folder`."""
    trees = {path: ast.parse(path.read_text()) for path in sorted(folder.rglob("*.py"))}
    ways = _ways([*trees.values()])
    names: set[str] = set()
    unreadable = []
    for path, tree in trees.items():
        for given, passed_on in _calls(tree, ways):
            texts = _texts(given)
            names.update(texts)
            if not texts and not passed_on:
                unreadable.append(f"{path.relative_to(folder)}:{given.lineno}")
    return Commits(frozenset(names), tuple(unreadable))


def _ways(trees: list[ast.Module]) -> frozenset[_Way]:
    ways = frozenset({_Way(ROOT, True, None)})
    while True:
        found = set(ways)
        for tree in trees:
            for function, methods in _functions(tree):
                if any(passed_on for _, passed_on in _calls(function, ways)):
                    places = [argument.arg for argument in function.args.args]
                    place = places.index("name") - methods if "name" in places else None
                    found.add(_Way(function.name, methods, place))
        if found == ways:
            return ways
        ways = frozenset(found)


def _functions(tree: ast.Module) -> Iterator[tuple[Function, bool]]:
    """Functions that take a name, and whether they are methods."""
    inside = {child for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for child in node.body}
    for node in ast.walk(tree):
        if isinstance(node, Function):
            arguments = [*node.args.args, *node.args.kwonlyargs]
            if any(argument.arg == "name" for argument in arguments):
                yield node, node in inside


def _calls(tree: ast.AST, ways: frozenset[_Way]) -> Iterator[tuple[ast.expr, bool]]:
    """The names commits are given, and whether each is the parameter of the function around it."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        method = isinstance(node.func, ast.Attribute)
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for way in ways:
            if (way.called, way.method) == (called, method) and (given := _given(node, way)) is not None:
                yield given, isinstance(given, ast.Name) and given.id == "name"


def _given(call: ast.Call, way: _Way) -> ast.expr | None:
    """What stands for the name; None where the call is another function's of that name."""
    for keyword in call.keywords:
        if keyword.arg == "name":
            return keyword.value
    if call.args and isinstance(call.args[0], ast.Name) and call.args[0].id == "tx":
        return None  # within a transaction: no commit of its own
    if way.place is None or len(call.args) <= way.place:
        return None
    return call.args[way.place]


def _texts(value: ast.expr) -> list[str]:
    if isinstance(value, ast.Constant):
        return [str(value.value)]
    if isinstance(value, ast.IfExp):
        return _texts(value.body) + _texts(value.orelse)
    if isinstance(value, ast.JoinedStr):
        parts = [str(part.value) if isinstance(part, ast.Constant) else "*" for part in value.values]
        return ["".join(parts)]
    return []
