"""A drain's plan in the dialog: the picture, and behind its last tab the plan in full."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from k8sops.core.plan import Plan
from k8sops.tui.acting.plan_pane import PlanPane
from k8sops.tui.draining.pane import DrainPane
from k8sops.tui.draining.picture import has_picture


class DrainPlanView(Vertical):
    """What `PlanPane` is to other plans."""

    DEFAULT_CSS = """
    DrainPlanView { height: 1fr; }
    DrainPlanView > PlanPane > .plan--verdict { height: 0; }
    """
    lines = 1000
    """How many lines there would be to show: a picture takes what there is."""

    def __init__(self) -> None:
        super().__init__()
        self._picture, self._full = DrainPane(), PlanPane()
        self._is_drawn = False

    def compose(self) -> ComposeResult:
        """Both; one is in sight."""
        yield self._picture
        yield self._full

    def on_mount(self) -> None:
        """Begin with the picture."""
        self._choose()

    def on_drain_pane_turned(self) -> None:
        """Show the other one, or the same."""
        self._choose()

    @property
    def has_tabs(self) -> bool:
        """Whether there is anything to turn to."""
        return self._is_drawn

    def tell(self, sentence: str) -> None:
        """Say why there is no plan."""
        self._is_drawn = False
        self._full.tell(sentence)
        self._choose()

    def show(self, plan: Plan) -> None:
        """Show the plan that is in force."""
        self._is_drawn = has_picture(plan)
        self._full.show(plan)
        if self._is_drawn:
            self._picture.show(plan)
        self._choose()

    def outdate(self) -> None:
        """The plan shown is of values that have changed."""
        self._picture.outdate()
        self._full.outdate()

    def turn(self, step: int) -> None:
        """Go to the next part, or back."""
        self._picture.turn(step)

    def scroll_pages(self, pages: int) -> None:
        """Move what is in sight."""
        if self._full.display:
            self._full.scroll_pages(pages)
        else:
            self._picture.scroll_pages(pages)

    def _choose(self) -> None:
        self._picture.display = self._is_drawn
        self._full.display = not self._is_drawn or self._picture.shows_details
