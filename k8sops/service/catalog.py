"""The actions as a door lists them: literals only, so that `--help` imports no action and no client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from k8sops.actions.registry import ACTIONS, ActionSpec, load_params, spec_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from k8sops.core.params import Params

__all__ = ["ActionSpec", "all_actions", "check_given", "params_of", "spec_named", "typed_action"]


def all_actions() -> tuple[ActionSpec, ...]:
    """Every action, in the order help shows them."""
    return ACTIONS


def spec_named(name: str) -> ActionSpec:
    """One action. Raises UsageError naming those that exist."""
    return spec_of(name)


def typed_action(words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The action that a command line begins with, by its name or as it is typed (`backups prune`), and what follows."""
    for spec in ACTIONS:
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
