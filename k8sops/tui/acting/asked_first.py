"""Whether something would be refused, asked before a form or an editor for it is opened.

Nobody is to type what is refused afterwards. What cannot be asked is no refusal: it is told when it is tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from k8sops.core.errors import K8sOpsError

if TYPE_CHECKING:
    from k8sops.core.ops import Ops


async def refusal(ops: Ops, action: str, kind: str, namespace: str, name: str) -> str:
    """Why an action or a session would be refused on one object; empty where it may be tried.

    Without a name only the cluster's and this program's own limits are asked: policy decides by the object.
    """
    from k8sops.tui.running.actor import actor_at_screen  # noqa: PLC0415 - loaded when needed

    try:
        actor = await actor_at_screen(ops) if name else None
        found = await ops.refusals(kind, namespace, [action], names=[name] if name else (), actor=actor)
    except K8sOpsError:
        return ""
    return found.get(action, "")
