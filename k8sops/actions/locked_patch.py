"""A patch of a few fields under uid and resourceVersion, repeated while only others' status writes are in the way.

The plan's `before` is compared with a fresh read each time: a field that somebody else has set meanwhile is drift,
never overwritten; a resourceVersion that moved without it is not. A repeat finds its own write done and is content.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from k8sops.core.errors import ConflictError, DriftedError
from k8sops.core.plan import JsonObject, Step
from k8sops.core.ports import Cluster, PatchType, Resource

CONFLICT_TRIES: Final = 5

Facts = Callable[[JsonObject], JsonObject]
"""Makes JSON of an object as it was just read: what a step's `before` and `after` speak of, or a patch of it."""


async def patch_locked(
    cluster: Cluster,
    resource: Resource,
    step: Step,
    *,
    facts: Facts,
    body: Facts,
    done: str,
    patch_type: PatchType = "merge",
) -> str:
    """Bring the object from the step's `before` to its `after` by a patch; returns `done`.

    Raises DriftedError where the object is another one or was changed by others, ConflictError where its
    resourceVersion moves faster than it can be written.
    """
    target = step.target
    for _ in range(CONFLICT_TRIES):
        found = await cluster.get(resource, target.name, target.namespace)
        metadata: dict[str, Any] = found["metadata"]
        if metadata["uid"] != target.uid:
            raise DriftedError(
                f"{target.label} was deleted and made again since the plan was made", hint="plan again"
            )
        present = facts(found)
        if present == step.after:
            return done
        if present != step.before:
            raise DriftedError(
                f"{target.label} was changed by somebody else since the plan was made: {_differences(step, present)}",
                hint="plan again",
            )
        lock = {key: metadata[key] for key in ("uid", "resourceVersion")}
        asked = body(found)
        asked["metadata"] = asked.get("metadata", {}) | lock
        try:
            await cluster.patch(resource, target.name, target.namespace, body=asked, patch_type=patch_type)
        except ConflictError:
            # Any status write moves the resourceVersion; whether the spec changed, the next read tells.
            continue
        return done
    raise ConflictError(
        f"{target.label} was changed by others {CONFLICT_TRIES} times in a row while being written",
        hint="run the command again",
    )


def _differences(step: Step, present: JsonObject) -> str:
    return "; ".join(
        f"{fact} was {value} and is {present.get(fact)}"
        for fact, value in step.before.items()
        if present.get(fact) != value
    )
