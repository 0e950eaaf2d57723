"""The pane of a dialog that a plan is read in: verdict and risk stay, what is between is scrolled by the dialog."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from k8sops.core.plan import Plan
from k8sops.tui.acting.plan_layout import body_lines, foot_line, hung, verdict_lines


class PlanPane(Vertical):
    """One plan, or a sentence while there is none."""

    DEFAULT_CSS = """
    PlanPane { height: 1fr; padding: 0 1; }
    PlanPane > .plan--verdict, PlanPane > .plan--foot { height: auto; }
    PlanPane > VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
    PlanPane > VerticalScroll > Static { height: auto; }
    PlanPane.-old { text-style: dim; }
    """

    class LaidOut(Message):
        """The text takes another number of lines."""

    def __init__(self) -> None:
        super().__init__()
        self._plan: Plan | None = None
        self._sentence = ""
        self._verdict = Static(classes="plan--verdict")
        self._body = Static()
        self._foot = Static(classes="plan--foot")
        self.lines = 1
        """How many lines there would be to show."""

    def compose(self) -> ComposeResult:
        """Verdict, the rest, risk."""
        yield self._verdict
        with VerticalScroll(can_focus=False):
            yield self._body
        yield self._foot

    def tell(self, sentence: str) -> None:
        """Say why there is no plan."""
        self._plan, self._sentence = None, sentence
        self.set_class(False, "-old")
        self._lay_out()

    def show(self, plan: Plan) -> None:
        """Show the plan that is in force."""
        self._plan = plan
        self.set_class(False, "-old")
        self._lay_out()

    def outdate(self) -> None:
        """The plan shown is of values that have changed."""
        self.set_class(True, "-old")

    def scroll_pages(self, pages: int) -> None:
        """Move what is between verdict and risk."""
        scroll = self.query_one(VerticalScroll)
        scroll.scroll_relative(y=pages * max(scroll.size.height - 1, 1), animate=False)

    def on_resize(self) -> None:
        """Break the lines anew."""
        self._lay_out()

    def _lay_out(self) -> None:
        # One cell is the scrollbar's.
        width = self.content_region.width - 1
        if not self.is_mounted or width < 1:
            return
        verdict, body, foot = hung("", self._sentence, width), list[Content](), list[Content]()
        if (plan := self._plan) is not None:
            verdict, body = verdict_lines(plan, width), body_lines(plan, width)
            foot = [foot_line(plan, width)]
        shown = ((self._verdict, verdict), (self._body, body), (self._foot, foot))
        for widget, lines in shown:
            widget.display = bool(lines)
            widget.update(Content("\n").join(lines))
        self.lines = sum(len(lines) for _, lines in shown)
        self.post_message(self.LaidOut())
