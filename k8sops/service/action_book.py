"""The registry as the engine sees it: what each action declares, and the action itself when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from k8sops.actions.registry import ACTIONS, load_action, load_params, spec_of
from k8sops.core.errors import UsageError
from k8sops.core.params import Params
from k8sops.core.ports import Action
from k8sops.engine.port import KnownAction


class RegistryBook:
    """`engine.port.ActionBook` over `actions.registry`."""

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
        return load_action(spec_of(name))

    def fields(self, name: str) -> frozenset[str]:
        """The names of its Params' fields."""
        return frozenset(load_params(spec_of(name)).model_fields)

    def params(self, name: str, values: Mapping[str, Any]) -> Params:
        """Validated Params. Raises UsageError naming the flag but not the value."""
        try:
            return load_params(spec_of(name)).model_validate(dict(values))
        except ValidationError as error:
            raise usage_error(name, error) from error


def usage_error(action: str, error: ValidationError) -> UsageError:
    """The first thing wrong with the input, as one sentence that names the flag but not the value."""
    first = error.errors(include_url=False, include_input=False)[0]
    text = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return UsageError(f"{action}: {text}", hint=f"`k8sops {action} --help` shows how")
    flag = str(first["loc"][0])
    return UsageError(
        f"{action}: {flag.replace('_', '-')} {_lowered(text)}", hint=f"`k8sops {action} --help` shows how"
    )


def _lowered(text: str) -> str:
    return (text[:1].lower() + text[1:]).replace("input should", "should")
