"""The dialog's work at the service: plan again whenever a value changes, and start exactly the plan that was shown.

Tells by messages and touches no widget. Every plan carries the number of the request it answers, so that an answer
that is overtaken can be told from the one awaited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from textual.message import Message

from k8sops.core.clock import Clock
from k8sops.core.errors import DeniedError, K8sOpsError
from k8sops.core.object_names import object_named
from k8sops.core.run import Run, RunId, RunState
from k8sops.tui.acting.as_is import READ_FOR, AsIs
from k8sops.tui.acting.offers import Doing
from k8sops.tui.running.actor import actor_at_screen
from k8sops.tui.session import Session

DEBOUNCE_S: Final = 0.15
"""While keys follow each other faster than this, nothing is planned."""
MOST_READ: Final = 20
"""Objects that are read to find what is there now."""


class PlanMade(Message):
    """The plan for one request; policy has been asked, nothing is on record."""

    def __init__(self, number: int, run: Run) -> None:
        super().__init__()
        self.number = number
        self.run = run


class PlanRefused(Message):
    """Why there is no plan for one request."""

    def __init__(self, number: int, error: K8sOpsError) -> None:
        super().__init__()
        self.number = number
        self.error = error


class NowIs(Message):
    """What a field is on the cluster now."""

    def __init__(self, field: str, as_is: AsIs) -> None:
        super().__init__()
        self.field = field
        self.as_is = as_is


class Begun(Message):
    """The run is on record and under way, or waits for others."""

    def __init__(self, run: RunId) -> None:
        super().__init__()
        self.run = run


class NotBegun(Message):
    """Why the plan that was shown was not started; nothing was changed."""

    def __init__(self, error: K8sOpsError) -> None:
        super().__init__()
        self.error = error


class Errand:
    """Plans and starts one action for one dialog."""

    def __init__(
        self, connection: Session, clock: Clock, doing: Doing, post: Callable[[Message], object]
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._doing = doing
        self._post = post

    async def plan(self, number: int, typed: Mapping[str, Any], *, at_once: bool) -> None:
        """Answer with PlanMade or PlanRefused; cancelled by the request after it."""
        try:
            if not at_once:
                await self._clock.sleep(DEBOUNCE_S)
            ops = self._connection.ops
            actor = await actor_at_screen(ops)
            self._post(PlanMade(number, await ops.preview(self._doing.action, self._params(typed), actor)))
        except K8sOpsError as error:
            self._post(PlanRefused(number, error))
        except Exception as error:  # noqa: BLE001 - worker boundary: a task's failure must reach the screen
            self._post(PlanRefused(number, _unexpected("planning", error)))

    async def read_as_is(self) -> None:
        """Answer with what the field asked first is now, as far as it can be read; else with nothing."""
        reads = READ_FOR.get(self._doing.action)
        targets = [one for text in self._doing.params.get("targets", ()) if (one := object_named(str(text)))]
        if reads is None or len(targets) > MOST_READ:
            return
        field, as_is_of = reads
        own = str(self._doing.params.get("namespace") or "")
        ops = self._connection.ops
        try:
            objects = [await ops.object(one.kind, one.name, one.namespace or own) for one in targets]
        except K8sOpsError:
            # The plan says what is wrong.
            return
        self._post(NowIs(field, as_is_of(objects)))

    async def begin(self, shown: Run, typed: Mapping[str, Any], reason: str) -> None:
        """Propose what was shown and start it; answers with Begun or NotBegun."""
        try:
            ops = self._connection.ops
            actor = await actor_at_screen(ops)
            run = await ops.propose(
                self._doing.action,
                self._params(typed),
                actor,
                reason=reason,
                digest=shown.plan.digest,
            )
            if run.state is RunState.DENIED:
                why = run.plan.decision.why if run.plan.decision is not None else run.outcome
                raise DeniedError(f"policy refuses this: {why}")
            if run.state is RunState.AWAITING_APPROVAL:
                await ops.carry(run.id)
            else:
                try:
                    await ops.start(run.id, actor)
                except K8sOpsError as error:
                    # What was not started must not lie about as a proposal that somebody might start.
                    with suppress(K8sOpsError):
                        await ops.cancel(run.id, actor, f"it could not be started: {error.message}")
                    raise
            self._post(Begun(run.id))
        except K8sOpsError as error:
            self._post(NotBegun(error))
        except Exception as error:  # noqa: BLE001 - worker boundary: a task's failure must reach the screen
            self._post(NotBegun(_unexpected("applying", error)))

    def _params(self, typed: Mapping[str, Any]) -> dict[str, Any]:
        return {**self._doing.params, **typed}


def _unexpected(doing: str, error: Exception) -> K8sOpsError:
    return K8sOpsError(
        f"{doing} failed unexpectedly: {type(error).__name__}: {error}", hint="please report it"
    )
