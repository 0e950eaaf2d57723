"""The registry as the engine sees it: what each action declares, and the action itself when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from k8sops.actions.registry import ACTIONS, load_action, load_params, spec_of
from k8sops.core.errors import UsageError
from k8sops.core.params import EXPLICIT, Params, extra_of
from k8sops.core.ports import Action
from k8sops.engine.port import KnownAction

if TYPE_CHECKING:
    from k8sops.actions.backups.ports import Repositories
    from k8sops.actions.collecting.ports import Surroundings
    from k8sops.core.clock import Clock, IdSource
    from k8sops.service.config import Config
    from k8sops.service.storing import Storage


class RegistryBook:
    """`engine.port.ActionBook` over `actions.registry`."""

    def __init__(
        self,
        repositories: Callable[[], Repositories] | None = None,
        surroundings: Callable[[], Surroundings] | None = None,
    ) -> None:
        """Each makes what it is called after when an action needs it; without, such actions say what is lacking."""
        self._repositories: Final = repositories
        self._surroundings: Final = surroundings

    def known(self) -> tuple[KnownAction, ...]:
        """Every registered action."""
        return tuple(self.named(spec.name) for spec in ACTIONS)

    def named(self, name: str) -> KnownAction:
        """One. Raises UsageError."""
        spec = spec_of(name)
        return KnownAction(
            name=spec.name, version=spec.version, idempotent=spec.idempotent, policy_key=spec.policy_key
        )

    def load(self, name: str) -> Action[Any]:
        """The action."""
        spec = spec_of(name)
        if spec.surroundings:
            return load_action(spec, surroundings=self._surroundings() if self._surroundings else None)
        given = self._repositories() if self._repositories is not None and spec.repositories else None
        return load_action(spec, given)

    def fields(self, name: str) -> frozenset[str]:
        """The names of its Params' fields, without those that only whoever asks may fill."""
        fields = load_params(spec_of(name)).model_fields
        return frozenset(field for field, info in fields.items() if not extra_of(info).get(EXPLICIT))

    def params(self, name: str, values: Mapping[str, Any]) -> Params:
        """Validated Params. Raises UsageError naming the flag but not the value."""
        try:
            return load_params(spec_of(name)).model_validate(dict(values))
        except ValidationError as error:
            raise usage_error(name, error) from error


def repositories_of(
    config: Config, storage: Storage, clock: Clock, ids: IdSource
) -> Callable[[], Repositories]:
    """What makes the configured repositories when they are first asked for: most commands touch none."""
    made: list[Repositories] = []

    def make() -> Repositories:
        if not made:
            from k8sops.service.repositories import ConfiguredRepositories

            made.append(ConfiguredRepositories(config, storage, clock, ids))
        return made[0]

    return make


def surroundings_of(
    config: Config, storage: Storage, repositories: Callable[[], Repositories]
) -> Callable[[], Surroundings]:
    """What makes the surroundings of an action that collects, when it is first asked for."""

    def make() -> Surroundings:
        from k8sops.service.collecting.surroundings import ConfiguredSurroundings

        return ConfiguredSurroundings(config, storage, repositories)

    return make


def usage_error(action: str, error: ValidationError) -> UsageError:
    """The first thing wrong with the input, as one sentence that names the flag but not the value."""
    first = error.errors(include_url=False, include_input=False)[0]
    action = next((spec.typed for spec in ACTIONS if spec.name == action), action)
    text = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return UsageError(f"{action}: {text}", hint=f"`k8sops {action} --help` shows how")
    flag = str(first["loc"][0])
    return UsageError(
        f"{action}: {flag.replace('_', '-')} {_lowered(text)}", hint=f"`k8sops {action} --help` shows how"
    )


def _lowered(text: str) -> str:
    return (text[:1].lower() + text[1:]).replace("input should", "should")
