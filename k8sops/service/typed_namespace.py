"""Whether a namespace that was typed is there: the API server lists nothing in one that is not, as in a calm one.

For doors, which ask where a table is empty. Who may not read namespaces is told nothing, rather than something false.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from k8sops.core.errors import K8sOpsError, NotFoundError
from k8sops.core.tables import TableQuery

if TYPE_CHECKING:
    from k8sops.core.ops import Ops


async def meant_instead(ops: Ops, namespace: str) -> Sequence[str] | None:
    """Up to two namespaces that were perhaps meant by one that does not exist; None where it may be there."""
    try:
        await ops.object("namespaces", namespace)
    except NotFoundError:
        pass
    except K8sOpsError:
        # It may not be read, or not now: nothing is known of it.
        return None
    else:
        return None
    try:
        names = [row.name for row in (await ops.table(TableQuery(kind="namespaces"))).rows]
    except K8sOpsError:
        names = []
    return difflib.get_close_matches(namespace, names, n=2)
