"""Filters that several backups share, in a file: the words of the flags, once, instead of on every command line.

What a file says is added to what the flags say, and becomes part of the Params when they are made: a run and its
approval hold the selection itself, and no carrier reads the file again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from k8sops.core.errors import UsageError
from k8sops.policy.yaml_text import BadYamlError, read_yaml

LISTS: Final = ("include_namespaces", "exclude_namespaces", "include_kinds", "exclude_kinds", "selector")
SCOPE: Final = "cluster_scoped"
_WORDS: Final = frozenset({*LISTS, SCOPE})
_LARGEST: Final = 256 * 1024


def with_filters(given: Mapping[str, Any], files: Sequence[str]) -> dict[str, Any]:
    """What was given, and what the files add. Raises UsageError naming the file and what is wrong in it."""
    said = dict(given)
    for name in files:
        for key, value in _read(name).items():
            if key == SCOPE:
                if said.get(SCOPE, value) != value:
                    raise UsageError(f"{name}: cluster-scoped is {value}, and {said[SCOPE]} elsewhere")
                said[SCOPE] = value
            else:
                said[key] = [*said.get(key, ()), *value]
    return said


def _read(name: str) -> dict[str, Any]:
    try:
        with Path(name).expanduser().open("rb") as file:
            found = read_yaml(file.read(_LARGEST))
    except OSError as error:
        raise UsageError(f"the filters {name} cannot be read: {error.strerror}") from error
    except BadYamlError as error:
        raise UsageError(f"the filters {name} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(
            f"the filters {name} are no mapping", hint="write `exclude-namespaces: [team-*]` and its like"
        )
    return dict(_entry(name, str(key), value) for key, value in found.items())


def _entry(file: str, typed: str, value: Any) -> tuple[str, Any]:
    key = typed.replace("-", "_")
    if key not in _WORDS:
        known = ", ".join(word.replace("_", "-") for word in (*LISTS, SCOPE))
        raise UsageError(
            f"the filters {file} say {typed!r}, which no filter knows", hint=f"they are: {known}"
        )
    if key == SCOPE:
        return key, str(value)
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise UsageError(f"the filters {file}: {typed} is no list of texts")
    return key, values
