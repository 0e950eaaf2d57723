"""The actions as a door lists them: literals only, so that `--help` imports no action and no client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from k8sops.actions import registry
from k8sops.actions.declared.on_rows import ANY_KIND, RowOffer
from k8sops.actions.registry import ActionSpec, load_params, spec_of
from k8sops.service.session_specs import SESSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from k8sops.core.params import Params

__all__ = [
    "ANY_KIND",
    "ActionSpec",
    "RowOffer",
    "all_actions",
    "check_given",
    "offered_specs",
    "params_of",
    "spec_named",
    "typed_action",
]


def all_actions() -> tuple[ActionSpec, ...]:
    """Every action, in the order help shows them."""
    return registry.ACTIONS


def offered_specs() -> tuple[ActionSpec, ...]:
    """Whatever rows of the screen may be offered: sessions, then the actions, each with its `on_rows`."""
    return (*SESSIONS, *registry.ACTIONS)


def spec_named(name: str) -> ActionSpec:
    """One action. Raises UsageError naming those that exist."""
    return spec_of(name)


def typed_action(words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The action that a command line begins with, by its name or as it is typed (`backups prune`), and what follows."""
    for spec in registry.ACTIONS:
        parts = spec.typed.split()
        if [*words[: len(parts)]] == parts:
            return spec.name, tuple(words[len(parts) :])
    return words[0], tuple(words[1:])


def params_of(name: str) -> type[Params]:
    """The typed input of an action; imports that action alone."""
    return load_params(spec_of(name))


def check_given(name: str, values: Mapping[str, object]) -> None:
    """Refuse what the action cannot take, before a cluster is asked for anything. Raises UsageError."""
    from k8sops.service.action_book import RegistryBook

    RegistryBook().params(name, dict(values))
