"""Small actions on single objects, as declared."""

from __future__ import annotations

from typing import Final

from k8sops.actions.declared.spec import ActionSpec

OBJECT_ACTIONS: Final[tuple[ActionSpec, ...]] = ()
