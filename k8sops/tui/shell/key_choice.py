"""Every key of every screen by the id it can be bound anew by: for the page of keys, and to check a configuration.

Read from the classes themselves, which takes importing all screens; a start does that only where keys are configured,
and in a thread.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import msgspec
from textual.binding import Binding
from textual.dom import DOMNode

import k8sops.tui
from k8sops.service.catalog import ANY_KIND, offered_specs
from k8sops.tui.acting.key_bindings import acting_id, bound_to_act
from k8sops.tui.acting.screen import ActingScreen


class BoundKey(msgspec.Struct, frozen=True, order=True):
    """One action of a screen or widget, and the keys it has as shipped."""

    id: str
    keys: str
    does: str


def all_keys() -> tuple[BoundKey, ...]:
    """Every key that has an id, by id."""
    found = {binding.id: binding for _, bindings in _classes() for binding in bindings if binding.id}
    acting = _acting()
    return tuple(
        sorted(
            BoundKey(name, binding.key, acting.get(name) or binding.description)
            for name, binding in found.items()
        )
    )


def _acting() -> dict[str, str]:
    """What each key that acts on rows does, by its id; on another kind it may do something else."""
    found: dict[str, dict[str, dict[str, None]]] = {}
    for on in (on for spec in offered_specs() for on in spec.on_rows):
        for key in on.keys:
            kinds = found.setdefault(acting_id(key), {}).setdefault(on.label, {})
            kinds.update(dict.fromkeys(on.kinds))
    return {
        name: "; ".join(
            label if ANY_KIND in kinds else f"{label} ({', '.join(kinds)})" for label, kinds in labels.items()
        )
        for name, labels in found.items()
    }


def problems_of(keys: Mapping[str, str]) -> tuple[str, ...]:
    """What is wrong with configured keys, a sentence each: ids nobody has, and keys that two actions would share."""
    groups = [bindings for _, bindings in _classes()]
    known = {binding.id for bindings in groups for binding in bindings}
    said = dict.fromkeys(
        f"No key has the id {name}; docs/keys.md lists them." for name in keys if name not in known
    )
    for bindings in groups:
        for name, wanted in keys.items():
            if all(binding.id != name for binding in bindings):
                continue
            others = {binding.id: keys.get(binding.id or "", binding.key) for binding in bindings}
            for other, theirs in others.items():
                if other != name and (both := set(_split(wanted)) & set(_split(theirs))):
                    said[f"{name} takes the key {', '.join(sorted(both))} from {other}."] = None
    return tuple(said)


def keys_reference() -> str:
    """The page of keys, without its notice."""
    rows = [f"| `{key.id}` | `{key.keys}` | {key.does} |" for key in all_keys()]
    return (
        "# Keys\n\nEvery key of the screen can be bound anew in [the configuration](configuration.md), by the id of "
        "what it does:\n\n```yaml\nkeys:\n  browse.describe: D        # in place of d\n"
        "  table.down: j,down,n      # several, with commas\n```\n\n"
        "`?` on a screen shows the keys that are in force there.\n\n| Id | Keys as shipped | Does |\n|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def _split(keys: str) -> list[str]:
    return [key.strip() for key in keys.split(",")]


def _classes() -> Iterator[tuple[type[Any], list[Binding]]]:
    """Each screen and widget of ours with the keys it has, its bases' among them."""
    for name in _modules():
        module = import_module(name)
        for _, found in inspect.getmembers(module, inspect.isclass):
            if found.__module__ == name and issubclass(found, DOMNode):
                chain = [base for base in found.__mro__ if base.__module__.startswith(k8sops.tui.__name__)]
                given = [binding for base in chain for binding in vars(base).get("BINDINGS", ())]
                if issubclass(found, ActingScreen):
                    given += bound_to_act()
                yield found, [each for each in Binding.make_bindings(given) if each.id]


def _modules() -> Iterator[str]:
    for found in pkgutil.walk_packages(k8sops.tui.__path__, f"{k8sops.tui.__name__}."):
        if not found.ispkg:
            yield found.name
