"""What an action declares about itself: the form of a declaration.

Kept apart from the actions, so that listing them, their help and their least roles imports none of them.
"""

from __future__ import annotations

import msgspec

from k8sops.actions.declared.on_rows import RowOffer
from k8sops.core.risk import Risk


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """A permission the action needs; `group` and `resource` may be `*` where params decide the kind."""

    verb: str
    resource: str
    group: str = ""
    where_planned: bool = False
    """Whether it is needed only for objects that a step of the plan names; else for every plan."""


class ActionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An action's public face."""

    name: str
    module: str
    action_class: str
    params_class: str
    summary: str
    details: str
    examples: tuple[str, ...]
    risks: tuple[Risk, ...]
    """Every risk a plan of this action can have, depending on its params."""
    idempotent: bool
    """Whether a step that may or may not have been sent can be sent again."""
    policy_key: str
    verbs: tuple[Verb, ...]
    command: str = ""
    """How it is typed, where not by its name: `rollout pause`."""
    repositories: bool = False
    """Whether the action is made with the configured backup repositories."""
    surroundings: bool = False
    """Whether it is made with all that lies outside the cluster (`collecting.ports`), repositories among it."""
    every_kind: bool = False
    """Whether it means all kinds there are, Secrets too, where none are named: its least role does as well."""
    standing_warnings: tuple[str, ...] = ()
    """Codes of warnings that a schedule's standing approval always covers: to wait for a person would be worse."""
    on_rows: tuple[RowOffer, ...] = ()
    """On which rows of the screen it is offered."""
    elsewhere: str = ""
    """Of an action that is about no row: where people at the screen find it."""
    version: int = 1
    """The action's own: a carrier only takes runs of versions it knows."""

    @property
    def typed(self) -> str:
        """What follows `k8sops` at the command line."""
        return self.command or self.name

    @property
    def changes_cluster(self) -> bool:
        """Whether any plan of this action can change something; read-only mode refuses these."""
        return any(risk is not Risk.READ for risk in self.risks)
