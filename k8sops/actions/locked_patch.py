"""A patch of a few fields under uid and resourceVersion, repeated while only others' status writes are in the way.

The plan's `before` is compared with a fresh read each time: a field that somebody else has set meanwhile is drift,
never overwritten; a resourceVersion that moved without it is not. A repeat finds its own write done and is content.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from k8sops.core.errors import ConflictError, DriftedError
from k8sops.core.plan import JsonObject, Step, Target
from k8sops.core.ports import Cluster, PatchType, Resource

CONFLICT_TRIES: Final = 5

Facts = Callable[[JsonObject], JsonObject]
"""Makes JSON of an object as it was just read: what a step's `before` and `after` speak of, or a patch of it."""

Send = Callable[[JsonObject], Awaitable[object]]
"""Sends a body under the lock in it; raises ConflictError where the lock does not hold any more."""


async def patch_under_lock(
    cluster: Cluster,
    resource: Resource,
    target: Target,
    change: Callable[[JsonObject], JsonObject | None],
    *,
    patch_type: PatchType = "merge",
    send: Send | None = None,
) -> bool:
    """Patch the object as `change` says of a fresh read of it; false where that is None, as nothing is to be done.

    `send` in place of a patch of `patch_type`.

    Raises DriftedError where the object is another one, ConflictError where its resourceVersion moves faster than it
    can be written, NotFoundError where it is gone, and what `change` raises.
    """
    for _ in range(CONFLICT_TRIES):
        found = await cluster.get(resource, target.name, target.namespace)
        metadata: dict[str, Any] = found["metadata"]
        if metadata["uid"] != target.uid:
            raise DriftedError(
                f"{target.label} was deleted and made again since the plan was made", hint="plan again"
            )
        body = change(found)
        if body is None:
            return False
        lock = {key: metadata[key] for key in ("uid", "resourceVersion")}
        body["metadata"] = body.get("metadata", {}) | lock
        try:
            if send is not None:
                await send(body)
            else:
                await cluster.patch(resource, target.name, target.namespace, body=body, patch_type=patch_type)
        except ConflictError:
            # Any status write moves the resourceVersion; whether the spec changed, the next read tells.
            continue
        return True
    raise ConflictError(
        f"{target.label} was changed by others {CONFLICT_TRIES} times in a row while being written",
        hint="run the command again",
    )


async def patch_locked(
    cluster: Cluster,
    resource: Resource,
    step: Step,
    *,
    facts: Facts,
    body: Facts,
    done: str,
    patch_type: PatchType = "merge",
    send: Send | None = None,
) -> str:
    """Bring the object from the step's `before` to its `after` by a patch; returns `done`.

    Raises what `patch_under_lock` does, DriftedError also where others have changed what the step speaks of.
    """

    def change(found: JsonObject) -> JsonObject | None:
        present = facts(found)
        if present == step.after:
            return None
        if present != step.before:
            raise DriftedError(
                f"{step.target.label} was changed by somebody else since the plan was made: "
                f"{_differences(step, present)}",
                hint="plan again",
            )
        return body(found)

    await patch_under_lock(cluster, resource, step.target, change, patch_type=patch_type, send=send)
    return done


def _differences(step: Step, present: JsonObject) -> str:
    return "; ".join(
        f"{fact} was {value} and is {present.get(fact)}"
        for fact, value in step.before.items()
        if present.get(fact) != value
    )
