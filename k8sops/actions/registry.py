"""All actions there are, and how one is imported when it is chosen.

An action is classified in `declared` before it can be reached from any door: risk, idempotence, policy key and the
verbs it needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from k8sops.actions.declared.backup import BACKUP_ACTIONS
from k8sops.actions.declared.logs import LOG_ACTIONS
from k8sops.actions.declared.nodes import NODE_ACTIONS
from k8sops.actions.declared.objects import OBJECT_ACTIONS
from k8sops.actions.declared.repository import REPOSITORY_ACTIONS
from k8sops.actions.declared.restore import RESTORE_ACTIONS
from k8sops.actions.declared.rollouts import ROLLOUT_ACTIONS
from k8sops.actions.declared.scaling import SCALING_ACTIONS
from k8sops.actions.declared.spec import ActionSpec, Verb
from k8sops.core.errors import UsageError

if TYPE_CHECKING:
    from k8sops.actions.backups.ports import Repositories
    from k8sops.actions.collecting.ports import Surroundings
    from k8sops.core.params import Params
    from k8sops.core.ports import Action

__all__ = ["ACTIONS", "ActionSpec", "Verb", "load_action", "load_params", "spec_of"]

ACTIONS: Final[tuple[ActionSpec, ...]] = (
    *SCALING_ACTIONS,
    *NODE_ACTIONS,
    *ROLLOUT_ACTIONS,
    *OBJECT_ACTIONS,
    *LOG_ACTIONS,
    *BACKUP_ACTIONS,
    *RESTORE_ACTIONS,
    *REPOSITORY_ACTIONS,
)


def spec_of(name: str) -> ActionSpec:
    """The declaration of an action. Raises UsageError naming those that exist."""
    for spec in ACTIONS:
        if spec.name == name:
            return spec
    known = ", ".join(spec.name for spec in ACTIONS)
    raise UsageError(f"there is no action {name!r}", hint=f"the actions are: {known}")


def load_params(spec: ActionSpec) -> type[Params]:
    """Import the action's Params."""
    params: type[Params] = getattr(import_module(spec.module), spec.params_class)
    return params


def load_action(
    spec: ActionSpec, repositories: Repositories | None = None, surroundings: Surroundings | None = None
) -> Action[Any]:
    """Import and make the action; actions hold no state of their own.

    Those on backups are given repositories, and one that collects what surrounds the cluster.
    """
    made = getattr(import_module(spec.module), spec.action_class)
    if spec.surroundings:
        from k8sops.actions.collecting.ports import NoSurroundings  # noqa: PLC0415 - loads the vault

        collecting: Action[Any] = made(surroundings or NoSurroundings())
        return collecting
    if not spec.repositories:
        action: Action[Any] = made()
        return action
    if repositories is None:
        from k8sops.actions.backups.ports import NoRepositories  # noqa: PLC0415 - only backups load the vault

        repositories = NoRepositories()
    supplied: Action[Any] = made(repositories)
    return supplied
