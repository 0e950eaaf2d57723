"""What a demonstration suggests to whoever has just opened it, by whom they play."""

from __future__ import annotations

from typing import Final

from k8sops.core.screen import TryThis

_WHY: Final = TryThis("Why is checkout down?", "Enter on it says why, in one sentence", "overview /checkout")
SEEN: Final = {"bob": "shop"}
"""Who may read one namespace only, and which."""
TRIES: Final = {
    "alice": (
        _WHY,
        TryThis(
            "Drain node-3, and see what blocks",
            "r on the node plans it; nothing moves yet",
            "nodes /node-3",
        ),
        TryThis(
            "Approve bob's request",
            "as bob, in a second terminal: k8sops demo --as bob",
            "approvals",
        ),
    ),
    "bob": (
        TryThis("Why is checkout down?", "d on a pod says what became of it", "pods shop /checkout"),
        TryThis("Your request waits for ops", "alice, in a second terminal, says yes: k8sops demo", "runs"),
        TryThis(
            "Restart something in shop",
            "r on a Deployment; the plan says whose word it takes",
            "deployments shop",
        ),
    ),
    "carol": (
        _WHY,
        TryThis("Who did what, and can it be proved?", "the audit trail, record by record", "audit"),
        TryThis("What was done last night", "every run, with what came of it", "runs"),
    ),
}


def told(sandbox: str) -> str:
    """What is said when the screen is left."""
    return (
        f"The sandbox is still up:\n  k8sops demo               back to the screen, as it was left\n"
        f'  eval "$(k8sops sandbox env --name {sandbox} --user alice)"; k8sops approvals list\n'
        f"  k8sops sandbox down --name {sandbox}       end it and leave nothing"
    )
