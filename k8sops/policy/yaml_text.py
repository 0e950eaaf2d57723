"""YAML as policy reads it: one document of plain mappings, lists, texts, whole numbers and booleans, nothing clever.

A policy is reviewed by people, so it must mean what it shows: keys given twice, anchors (and the bombs made of them),
tags and a second document are refused. `16:00`, `no` and `2026-12-20` stay texts, as in YAML 1.2, where YAML 1.1
would make a number, a boolean and a date of them.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any, Final

import yaml

SIZE_LIMIT: Final = 1 << 20
DEPTH_LIMIT: Final = 20
NODE_LIMIT: Final = 200_000

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG: Final = "tag:yaml.org,2002:"


class BadYamlError(ValueError):
    """The text is not such a document; the message says where and why."""


class _Loader(_Base):  # type: ignore[misc]
    """Plain values only, and no key twice."""

    yaml_implicit_resolvers: Final[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping, unless one key stands in it twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if key.tag != f"{_TAG}str":
                raise BadYamlError(f"line {key.start_mark.line + 1}: the key {name!r} is not text: quote it")
            if name in seen:
                raise BadYamlError(f"line {key.start_mark.line + 1}: the key {name!r} stands there twice")
            seen.add(name)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


for _tag, _pattern, _firsts in (
    ("bool", r"true|false", "tf"),
    ("int", r"-?(?:0|[1-9][0-9]{0,17})", "-0123456789"),
    ("null", r"~|null|", ["~", "n", ""]),
):
    _Loader.add_implicit_resolver(f"{_TAG}{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_firsts))


def read_yaml(data: bytes) -> Any:
    """The document in these bytes. Raises BadYamlError, one sentence with the line."""
    if len(data) > SIZE_LIMIT:
        raise BadYamlError(f"it has {len(data)} bytes; a policy has at most {SIZE_LIMIT}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadYamlError(f"byte {error.start} is not UTF-8") from error
    try:
        _check_events(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from SafeLoader
    except yaml.YAMLError as error:
        raise BadYamlError(_told(error)) from error


def _check_events(text: str) -> None:
    """Refuse what is clever before anything is built from it."""
    depth = nodes = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise BadYamlError(f"line {line}: a second document begins; a policy is one")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise BadYamlError(f"line {line}: anchors and aliases are not allowed; write it out")
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
            _check_tag(event, line)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_LIMIT or nodes > NODE_LIMIT:
            raise BadYamlError(f"line {line}: it is nested too deeply or holds too much to be a policy")


def _check_tag(event: yaml.NodeEvent, line: int) -> None:
    tag = getattr(event, "tag", None)
    # The parser gives a quoted scalar the tag "!", which stands for text.
    if tag and tag != "!":
        raise BadYamlError(f"line {line}: the tag {tag[:40]!r} is not allowed")


def _told(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "a character is not allowed"
    return f"line {mark.line + 1}: {problem}" if mark is not None else f"it is not YAML: {problem}"
