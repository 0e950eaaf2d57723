"""Sessions at a pod, declared as actions are: on which rows they are offered, and what policy and RBAC are asked first.

Sessions are no actions: they have no plan and no run (`service.sessions` begins them, and decides for certain).
"""

from __future__ import annotations

from typing import Final

from k8sops.actions.declared.on_rows import RowOffer
from k8sops.actions.declared.spec import ActionSpec, Verb
from k8sops.actions.registry import spec_of
from k8sops.core.risk import Risk


def _session(
    name: str, begins: Verb, label: str, summary: str, *, keys: tuple[str, ...] = (), quiet: bool = False
) -> ActionSpec:
    """`begins` is the request that begins it; a `quiet` one can be without a change."""
    return ActionSpec(
        name=name,
        module="",
        action_class="",
        params_class="",
        summary=summary,
        details="",
        examples=(),
        risks=(Risk.LOW, Risk.DISRUPTIVE) if quiet else (Risk.DISRUPTIVE,),
        idempotent=False,
        policy_key=name,
        verbs=(begins,),
        on_rows=(RowOffer(kinds=("pods",), label=label, keys=keys, rank=10, opens="session"),),
    )


SESSIONS: Final[tuple[ActionSpec, ...]] = (
    _session(
        "session.attach",
        Verb(verb="create", resource="pods/attach"),
        "Attach",
        "What its container says, and hears",
    ),
    _session(
        "session.exec",
        Verb(verb="create", resource="pods/exec"),
        "Shell",
        "Commands in its container, on the bare terminal",
        keys=("s",),
    ),
    _session(
        "session.debug",
        Verb(verb="patch", resource="pods/ephemeralcontainers"),
        "Debug container",
        "A container with tools beside its own, on the bare terminal",
        keys=("D",),
    ),
    _session(
        "session.port_forward",
        Verb(verb="create", resource="pods/portforward"),
        "Forward a port",
        "A port of this machine that leads to one of its own",
        keys=("F",),
        quiet=True,
    ),
    _session(
        "session.copy",
        Verb(verb="create", resource="pods/exec"),
        "Copy files",
        "Out of its container, or into it",
        keys=("t",),
        quiet=True,
    ),
)


def asked_spec(name: str) -> ActionSpec:
    """What is declared of an action or a kind of session. Raises UsageError for neither."""
    return next((spec for spec in SESSIONS if spec.name == name), None) or spec_of(name)
