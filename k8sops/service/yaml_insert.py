"""One entry more in a YAML file that people write: all that stands there stays, to the last comment.

Text is put in at one place, and nothing else is touched; the outcome counts only if it reads as what was there with
the entry added. Where that cannot be done (an alias, a text where a list is wanted) the answer is None, and whoever
asked shows the entry to a person instead.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, Final

import yaml

Read = Callable[[str], Any]
_STEP: Final = 2


def with_entry(text: str, path: Sequence[str], value: Any, *, read: Read = yaml.safe_load) -> str | None:
    """The text with a value under keys that are missing; None where something stands there already, or has no place."""
    return _with(text, path, value, read=read, item=False)


def with_item(text: str, path: Sequence[str], item: Any, *, read: Read = yaml.safe_load) -> str | None:
    """The text with one more item in a list, which is made where there is none."""
    return _with(text, path, item, read=read, item=True)


def _with(text: str, path: Sequence[str], value: Any, *, read: Read, item: bool) -> str | None:
    wanted = _added(read(text), path, value, item=item)
    if wanted is None:
        return None
    at = _place(yaml.compose(text, Loader=yaml.SafeLoader), path)
    piece = None if at is None else _piece(text, at, path, value, item=item)
    if piece is None:
        return None
    index, added = piece
    after = text[:index] + added + text[index:]
    try:
        return after if read(after) == wanted else None
    except (yaml.YAMLError, ValueError):
        return None


def _added(document: Any, path: Sequence[str], value: Any, *, item: bool) -> Any:
    """The document as it is to read; None where something else stands in the way."""
    wanted = found = copy.deepcopy(document) if document is not None else {}
    for key in path[:-1]:
        if not isinstance(found, dict):
            return None
        if found.get(key) is None:
            found[key] = {}
        found = found[key]
    last = path[-1]
    if not isinstance(found, dict):
        return None
    if item and isinstance(found.get(last), list):
        found[last].append(value)
    elif found.get(last) is None:
        found[last] = [value] if item else value
    else:
        return None
    return wanted


class _Place:
    """The innermost node of the path that is there, the keys that are not, and how far right the last key stands."""

    def __init__(self, node: yaml.Node | None, missing: Sequence[str], column: int) -> None:
        self.node: Final = node
        self.missing: Final = missing
        self.column: Final = column


def _place(root: yaml.Node | None, path: Sequence[str]) -> _Place | None:
    node, column = root, -_STEP
    for depth, key in enumerate(path):
        if not isinstance(node, yaml.MappingNode):
            return _Place(node, path[depth:], column)
        found = next(((one, held) for one, held in node.value if one.value == key), None)
        if found is None:
            return _Place(node, path[depth:], column)
        column, node = found[0].start_mark.column, found[1]
    return _Place(node, (), column)


def _piece(text: str, at: _Place, path: Sequence[str], value: Any, *, item: bool) -> tuple[int, str] | None:
    """Where to put what."""
    node = at.node
    if isinstance(node, yaml.CollectionNode):
        if isinstance(node, yaml.SequenceNode) and (at.missing or not item):
            return None
        if node.flow_style:
            return _in_flow(node, one_line(_nested(at.missing, value, item=item)))
        return _below(text, _end(node), _lines(at.missing, value, node.start_mark.column, item=item))
    if node is None:
        return _below(text, len(text), _lines(path, value, 0, item=item))
    # `people:` with nothing behind it; what says `null` is left to a person.
    if isinstance(node, yaml.ScalarNode) and node.start_mark.index == node.end_mark.index:
        return _below(text, node.end_mark.index, _lines(at.missing, value, at.column + _STEP, item=item))
    return None


def _in_flow(node: yaml.CollectionNode, written: str) -> tuple[int, str]:
    """Behind the last entry of `{…}` or `[…]`."""
    inner = written[1:-1] if isinstance(node, yaml.MappingNode) else written
    if not node.value:
        return node.start_mark.index + 1, inner
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last), f", {inner}"


def _below(text: str, index: int, lines: Sequence[str]) -> tuple[int, str]:
    """On lines of their own, behind the line in which this place is."""
    while index and text[index - 1] in " \t\r\n":
        index -= 1
    ending = "\r\n" if "\r\n" in text else "\n"
    written = "".join(f"{line}{ending}" for line in lines)
    if not index:
        return len(text), written
    end = text.find("\n", index)
    return (len(text), ending + written) if end < 0 else (end + 1, written)


def _lines(missing: Sequence[str], value: Any, column: int, *, item: bool) -> list[str]:
    """The keys that are missing, one below the other, and what stands there on the last line."""
    if not missing:
        return [f"{' ' * column}- {one_line(value)}"]
    shown = one_line([value] if item else value)
    keys = [f"{' ' * (column + _STEP * depth)}{one_line(key)}:" for depth, key in enumerate(missing)]
    return [*keys[:-1], f"{keys[-1]} {shown}"]


def _nested(missing: Sequence[str], value: Any, *, item: bool) -> Any:
    if not missing:
        return value
    found = [value] if item else value
    for key in reversed(missing):
        found = {key: found}
    return found


def _end(node: yaml.Node) -> int:
    """Where its own text ends: a block's mark stands behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def one_line(value: Any) -> str:
    """The value as YAML on one line."""
    written: str = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=inf
    )
    return written.strip().removesuffix("...").strip()
