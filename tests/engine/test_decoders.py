"""What threads decode, they decode with something made before there were any."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import k8sops

ROOMS = ("audit", "engine", "policy", "service", "store")
PLAIN = {"Any", "dict", "int", "list", "str", "tuple"}


def decoded_on_the_way(source: str) -> list[int]:
    """Lines on which a type of ours is given to a decoding call, which then looks at the type for the first time."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        given = [keyword.value for keyword in node.keywords if keyword.arg == "type"]
        if node.func.attr == "decode" and any(
            isinstance(part, ast.Name) and part.id not in PLAIN for value in given for part in ast.walk(value)
        ):
            found.append(node.lineno)
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_no_type_is_met_for_the_first_time_by_several_threads_at_once(room: str) -> None:
    """msgspec 0.22 crashes the interpreter where that happens: transactions decode in lanes of four threads."""
    folder = Path(k8sops.__file__).parent / room
    found = {
        f"{file.relative_to(folder)}:{line}"
        for file in folder.rglob("*.py")
        for line in decoded_on_the_way(file.read_text())
    }
    assert found == set()


def test_the_search_finds_what_it_is_for() -> None:
    """One that finds nothing would let everything pass."""
    assert decoded_on_the_way("x = msgspec.json.decode(b, type=Plan)\ny = d.decode(b)") == [1]
    assert decoded_on_the_way("z = msgspec.json.decode(b, type=tuple[Vote, ...])") == [1]
