"""What sessions at a pod take, declared as actions are, so that policy and RBAC can be asked before one is offered.

Sessions are no actions: they have no plan and no run (`service.sessions` begins them, and decides for certain).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from k8sops.actions.declared.spec import ActionSpec, Verb
from k8sops.actions.registry import spec_of
from k8sops.core.risk import Risk

_MEANT: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "session.exec": ("create", "pods/exec"),
        "session.attach": ("create", "pods/attach"),
        "session.debug": ("patch", "pods/ephemeralcontainers"),
        "session.port_forward": ("create", "pods/portforward"),
        "session.copy": ("create", "pods/exec"),
    }
)
"""By kind of session, the request that begins it."""
_QUIET: Final = frozenset({"session.port_forward", "session.copy"})
"""Those that can be without a change."""


def asked_spec(name: str) -> ActionSpec:
    """What is declared of an action or a kind of session. Raises UsageError for neither."""
    if name not in _MEANT:
        return spec_of(name)
    verb, resource = _MEANT[name]
    return ActionSpec(
        name=name,
        module="",
        action_class="",
        params_class="",
        summary="",
        details="",
        examples=(),
        risks=(Risk.LOW, Risk.DISRUPTIVE) if name in _QUIET else (Risk.DISRUPTIVE,),
        idempotent=False,
        policy_key=name,
        verbs=(Verb(verb=verb, resource=resource),),
    )
