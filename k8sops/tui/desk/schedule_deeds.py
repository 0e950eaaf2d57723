"""What a person does to a schedule, the same in the list and on its own screen; each is asked first and on record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from textual.widgets import Input

from k8sops.core.actor import Actor
from k8sops.core.digests import SHORTEST_DIGEST
from k8sops.core.ops import Ops
from k8sops.core.run import Vote
from k8sops.core.schedules import ScheduleView
from k8sops.tui.desk.screen import Deed, DeskScreen
from k8sops.tui.running.asking import Choice, ask

_NO = Choice("n", "Cancel")
_WHEN: dict[str, Callable[[ScheduleView], bool]] = {
    "pause": lambda _: True,
    "fire": lambda view: view.state == "active",
    "remove": lambda _: True,
    "approve": lambda view: view.standing == "awaits votes",
    "deny": lambda view: view.standing == "awaits votes",
}


class ScheduleDeeds(DeskScreen):
    """A screen on which one schedule is meant at a time."""

    def schedule(self) -> ScheduleView | None:
        """The one that is meant."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done to it as it stands."""
        if action in _WHEN:
            view = self.schedule()
            typing = isinstance(self.focused, Input)
            return view is not None and not typing and _WHEN[action](view)
        return super().check_action(action, parameters)

    def action_pause(self) -> None:
        """Pause it with a reason, or let it fire again."""
        view = self._meant
        if view.state == "active":
            ask(
                self.app,
                "Pause",
                f"Pause the schedule {view.name}? It does not fire until it is resumed.",
                (Choice("p", "Pause"), _NO),
                lambda answer: self.do("pausing", self._paused(view.name, answer.text)),
                prompt="reason (optional); it is recorded",
            )
        else:
            ask(
                self.app,
                "Resume",
                f"Let the schedule {view.name} fire again? What came due meanwhile is treated as missed "
                f"({view.missed}).",
                (Choice("p", "Resume"), _NO),
                lambda _: self.do("resuming", self._resumed(view.name)),
            )

    def action_fire(self) -> None:
        """Fire it once, now."""
        view = self._meant
        ask(
            self.app,
            "Run now",
            f"Fire {view.name} once, beside its timetable? A worker carries it out.",
            (Choice("t", "Run now"), _NO),
            lambda _: self.do("firing", self._fired(view.name)),
        )

    def action_remove(self) -> None:
        """Take it away."""
        view = self._meant
        ask(
            self.app,
            "Remove",
            f"Remove the schedule {view.name}? Its firings stay on record; type its name to remove it.",
            (Choice("d", "Remove"), _NO),
            lambda _: self.do("removing", self._removed(view.name)),
            prompt="name of the schedule",
            must_be=view.name,
            careful=True,
        )

    def action_approve(self) -> None:
        """Say yes to what it would do by itself."""
        self._vote("approve", "y")

    def action_deny(self) -> None:
        """Say no; it is paused then."""
        self._vote("deny", "x")

    def _vote(self, verdict: Literal["approve", "deny"], key: str) -> None:
        view = self._meant
        word = "Approve" if verdict == "approve" else "Deny"
        digest = view.standing_digest
        ask(
            self.app,
            word,
            f"{word} what {view.name} would do by itself (up to {view.standing_risk}), digest "
            f"{digest[:SHORTEST_DIGEST]}?",
            (Choice(key, word), _NO),
            lambda answer: self.do(
                "voting",
                self._voted(view.name, Vote(verdict=verdict, digest=digest, reason=answer.text)),
            ),
            prompt="reason (optional); it is recorded with the vote",
        )

    @property
    def _meant(self) -> ScheduleView:
        view = self.schedule()
        assert view is not None  # noqa: S101 - `check_action` offers nothing without one
        return view

    def _paused(self, name: str, why: str) -> Deed:
        async def deed(ops: Ops, actor: Actor) -> str:
            await (await ops.records()).pause_schedule(name, why, actor)
            return f"{name} is paused"

        return deed

    def _resumed(self, name: str) -> Deed:
        async def deed(ops: Ops, actor: Actor) -> str:
            view = await (await ops.records()).resume_schedule(name, actor)
            return f"{name} fires again" + (f"; {view.unattended}" if view.unattended else "")

        return deed

    def _fired(self, name: str) -> Deed:
        async def deed(ops: Ops, actor: Actor) -> str:
            view = await (await ops.records()).fire_schedule(name, actor)
            return f"{name} is to fire now" + (f"; {view.unattended}" if view.unattended else "")

        return deed

    def _removed(self, name: str) -> Deed:
        async def deed(ops: Ops, actor: Actor) -> str:
            await (await ops.records()).remove_schedule(name, actor)
            return f"{name} is removed"

        return deed

    def _voted(self, name: str, vote: Vote) -> Deed:
        async def deed(ops: Ops, actor: Actor) -> str:
            view = await (await ops.records()).vote_on_schedule(name, vote, actor)
            return f"your vote is on record; the standing approval of {name} is {view.standing}"

        return deed
