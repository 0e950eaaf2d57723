"""The picture of a drain on its run's screen: the plan that was read, filled in as the run goes on.

It comes once the run is known to be a drain. The page and the log of every run are behind the picture's last tab.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from textual.screen import Screen

from k8sops.tui.draining.filling import filling_of
from k8sops.tui.draining.pane import DrainPane
from k8sops.tui.draining.picture import has_picture
from k8sops.tui.running.following import RunFollower
from k8sops.tui.running.words import progress_text, standing_lines


class RunDrainPane(DrainPane):
    """Says by classes of its screen whether what the screen has of every run is in sight."""

    def on_mount(self) -> None:
        """Take the page's place."""
        super().on_mount()
        self._place()

    def on_drain_pane_turned(self) -> None:
        """Give the page its place, or take it."""
        self._place()

    def _place(self) -> None:
        self.screen.set_class(True, "-drain")
        self.screen.set_class(self.shows_details, "-drain-details")


class RunPicture:
    """What a run's screen has of it."""

    def __init__(self, screen: Screen[Any]) -> None:
        self._screen = screen
        self._pane: RunDrainPane | None = None

    @property
    def is_shown(self) -> bool:
        """Whether the run has a picture."""
        return self._pane is not None

    def turn(self, step: int) -> None:
        """Go to the next part, or back."""
        if self._pane is not None:
            self._pane.turn(step)

    def tell(self, follower: RunFollower, drift: Sequence[str] | None, now: datetime) -> None:
        """Show the run as it stands."""
        run = follower.run
        if run is None or not has_picture(run.plan):
            self._leave()
            return
        if self._pane is None:
            self._pane = RunDrainPane(takes_keys=True)
            self._screen.mount(self._pane, before="#told")
        pane = self._pane
        filling = filling_of(pane.picture(run.plan), run, follower.events, follower.progress, now)
        said = [line.text for line in standing_lines(run, drift)]
        if not run.state.ended and (going := progress_text(follower.progress, now)):
            said.append(going)
        pane.show(run.plan, filling, "\n".join(said))

    def _leave(self) -> None:
        if self._pane is not None:
            self._pane.remove()
            self._pane = None
            for name in ("-drain", "-drain-details"):
                self._screen.set_class(False, name)
