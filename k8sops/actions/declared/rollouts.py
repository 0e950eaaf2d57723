"""Actions on rollouts of workloads, as declared."""

from __future__ import annotations

from typing import Final

from k8sops.actions.declared.spec import ActionSpec

ROLLOUT_ACTIONS: Final[tuple[ActionSpec, ...]] = ()
