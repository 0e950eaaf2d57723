"""An action whose plan has a blocker, and a way to put it in an action's place in the registry."""

from __future__ import annotations

from typing import Final

import msgspec
import pytest

from k8sops.actions import registry
from k8sops.actions.cordon import Cordon, CordonParams
from k8sops.core.clock import Clock
from k8sops.core.plan import Finding, Plan
from k8sops.core.ports import ClusterReader

__all__ = ["BLOCKER", "BlockedCordon", "CordonParams", "block_cordon"]

BLOCKER: Final = Finding(
    level="blocker", code="last_node", text="it is the last node that can host db", override="--force"
)


class BlockedCordon(Cordon):
    """Cordon, with something in its way."""

    async def plan(self, params: CordonParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """The real plan and a blocker."""
        return msgspec.structs.replace(await super().plan(params, cluster, clock), findings=(BLOCKER,))


def block_cordon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `cordon` mean `BlockedCordon`, at every door, until the test ends."""
    blocked = msgspec.structs.replace(
        registry.spec_of("cordon"), module=__name__, action_class=BlockedCordon.__name__
    )
    others = (blocked if spec.name == "cordon" else spec for spec in registry.ACTIONS)
    monkeypatch.setattr(registry, "ACTIONS", tuple(others))
