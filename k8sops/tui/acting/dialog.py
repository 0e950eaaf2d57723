"""The one dialog: value, live plan and confirm together; Enter applies exactly the plan that stands there.

A plan that is being made again cannot be applied: what is confirmed has been shown. Where a plan destroys, Cancel has
the focus and the cluster's name is typed; where others must agree, the same dialog asks for the reason and says who.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import events
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static
from textual.worker import WorkType

from k8sops.core.clock import Clock
from k8sops.core.errors import DriftedError
from k8sops.core.object_names import CLUSTER_WIDE, where_asked
from k8sops.core.plan import Plan
from k8sops.core.run import Run, RunId
from k8sops.core.text import printable
from k8sops.service.catalog import params_of
from k8sops.tui.acting import confirming, errand, form
from k8sops.tui.acting.fields import FieldChanged, TextLine, field_under, focusable
from k8sops.tui.acting.form_pane import LOW, FormPane
from k8sops.tui.acting.offers import Doing
from k8sops.tui.acting.plan_pane import PlanPane
from k8sops.tui.draining.picture import ACTION as DRAIN
from k8sops.tui.draining.plan_view import DrainPlanView
from k8sops.tui.left_once import LeftOnce
from k8sops.tui.running.run_screen import RunScreen
from k8sops.tui.session import Session
from k8sops.tui.status import SEPARATOR, SaidLine

REASON = form.FormField(name="reason", flag="reason", kind="text", description="why; recorded with the run")
NAME = form.FormField(name="name", flag="type the cluster's name", kind="text", description="")
KEYS_SAID = "tab next · ctrl-d/u scroll"
EARLY = "Your Enter came before this plan did: Enter again applies it."
_FRAME = 4
"""Lines of border, where and buttons."""
_HEADER = 1
"""Lines of the screen below that stay in sight: which cluster, which environment."""
_LEAST_LINES = 4


class Sentence(Static):
    """What stands in the way, or what is going on."""

    DEFAULT_CSS = """
    Sentence { display: none; height: auto; max-height: 4; padding: 0 1; color: $text-warning; text-style: bold; }
    """

    def say(self, sentence: str) -> None:
        """Show a sentence of any length."""
        self.display = bool(sentence)
        self.update(Content(printable(sentence)))


class ActionDialog(ModalScreen[None], LeftOnce[None]):
    """One action on what was marked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter", "Apply", priority=True, id="dialog.apply"),
        Binding("y", "apply", "Apply", id="dialog.yes"),
        Binding("n,q", "cancel", "Cancel", show=False, id="dialog.no"),
        Binding("escape", "cancel", "Cancel", priority=True, id="dialog.cancel"),
        Binding("m", "more", "More", id="dialog.more"),
        Binding("down", "app.focus_next", "Next", show=False, id="dialog.next"),
        Binding("up", "app.focus_previous", "Previous", show=False, id="dialog.previous"),
        Binding("right", "turn(1)", "Next part", key_display="←/→", show=False, id="dialog.turn"),
        Binding("left", "turn(-1)", "Part before", show=False, id="dialog.turn_back"),
        Binding("pagedown", "scroll(1)", "Scroll", priority=True, id="dialog.page_down"),
        Binding("pageup", "scroll(-1)", "Scroll up", priority=True, show=False, id="dialog.page_up"),
        # Where something is typed these belong to the text: Ctrl-U clears it.
        Binding("ctrl+d", "scroll(1)", "Scroll", show=False, id="dialog.scroll_down"),
        Binding("ctrl+u", "scroll(-1)", "Scroll up", show=False, id="dialog.scroll_up"),
    ]
    DEFAULT_CSS = """
    ActionDialog { align: center middle; }
    ActionDialog > #box {
        width: 100%; max-width: 110; height: 8; margin: 1 0 0 0;
        border: round $accent; background: $surface;
    }
    ActionDialog.-production > #box { border: heavy $error; }
    ActionDialog.-whole > #box { max-width: 100%; }
    ActionDialog #where { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    ActionDialog #buttons { height: 1; padding: 0 1; }
    ActionDialog #buttons > Button { margin: 0 2 0 0; min-width: 12; }
    ActionDialog #keys {
        width: 1fr; text-align: right; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis;
    }
    """

    def __init__(self, connection: Session, clock: Clock, doing: Doing) -> None:
        super().__init__()
        self._connection, self._clock, self._doing = connection, clock, doing
        self._fields = form.form_of(doing.action, params_of(doing.action), doing.params)
        self._form = FormPane(self._fields)
        self._lines = self._form.lines
        self._reason_box, self._name_box = TextLine(REASON, doing.reason), TextLine(NAME)
        self._boxes = (self._reason_box, self._name_box)
        self._errand = errand.Errand(connection, clock, doing, self.post_message)
        # Held here: what is called after a refresh may find the dialog left and its widgets gone from the tree.
        self._where, self._sentence, self._keys = SaidLine(id="where"), Sentence(), SaidLine(id="keys")
        self._box = Vertical(id="box")
        self._apply = Button("Apply", id="apply", compact=True)
        self._cancel = Button("Cancel", id="cancel", compact=True)
        self._plan_view = DrainPlanView() if doing.action == DRAIN else PlanPane()
        self._values: dict[str, str] = {}
        self._number = 0
        self._shown: Run | None = None
        self._refused = False
        self._applying = False
        self._was_early = False
        self._more = False
        self._surfaced: set[str] = set()
        self.begun: RunId = ""
        """The run that came of it."""

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        with self._box as box:
            box.border_title = Content(printable(self._doing.title))
            yield self._where
            yield self._form
            yield self._plan_view
            yield self._sentence
            yield self._reason_box
            yield self._name_box
            with Horizontal(id="buttons"):
                yield self._apply
                yield self._cancel
                yield self._keys

    def on_mount(self) -> None:
        """Plan at once, unless a value is wanted first."""
        self._reason_box.display = self._name_box.display = False
        self._unfold()
        self._say_where("")
        self.set_class(isinstance(self._plan_view, DrainPlanView), "-whole")
        first = next((self._lines[field.name] for field in self._fields if field.first), None)
        if first is not None:
            self.set_focus(focusable(first))
        else:
            # Delete only ever opens with Cancel focused, whatever its plan will say.
            self.set_focus(self._cancel if self._doing.action == "delete" else self._apply)
        self._ask(at_once=True)
        self.run_worker(self._errand.read_as_is(), group="now")

    # What the service says

    def on_now_is(self, message: errand.NowIs) -> None:
        """Begin with what is there."""
        line = self._lines.get(message.field)
        if isinstance(line, TextLine):
            line.offer(message.as_is)

    def on_plan_made(self, message: errand.PlanMade) -> None:
        """Show it, unless another is awaited by now."""
        if message.number != self._number:
            return
        self._shown, plan = message.run, message.run.plan
        self._plan_view.show(plan)
        self._say_where(message.run.actor.name)
        self._surfaced.update(form.overriding(plan.findings, self._fields))
        self._unfold()
        self._reason_box.display = confirming.wants_reason(plan)
        self._name_box.display = confirming.wants_name(plan)
        approval = confirming.wants_approval(plan) and plan.decision is not None
        self._apply.label = "Ask for approval" if approval else "Apply"
        self._say(confirming.hindrance(plan) or self._approval(plan) or (EARLY if self._was_early else ""))
        self._was_early = False
        if self.focused is self._apply:
            self._leave_apply(plan)

    def on_plan_pane_laid_out(self) -> None:
        """Make room for it."""
        self.call_after_refresh(self._fit)

    def on_plan_refused(self, message: errand.PlanRefused) -> None:
        """Say why there is none."""
        if message.number == self._number:
            self._refused = True
            self._plan_view.tell("There is no plan.")
            self._say(f"✗ {confirming.sentence(message.error)}")

    def on_begun(self, message: errand.Begun) -> None:
        """Hand over to the run's own screen."""
        self.begun = message.run
        self.app.switch_screen(RunScreen(self._connection, message.run, self._clock))

    def on_not_begun(self, message: errand.NotBegun) -> None:
        """Say why; where the cluster has changed, plan again."""
        self._applying = False
        told = f"✗ {confirming.sentence(message.error)}"
        if isinstance(message.error, DriftedError):
            told += " The plan is made again: read it before you apply it."
            self._ask(at_once=True)
        self._say(told)

    # What the user does

    def on_field_changed(self, message: FieldChanged) -> None:
        """Plan again once the keys rest; reason and name change no plan."""
        message.stop()
        line = self._lines.get(message.field)
        # A box tells its default too, when it first stands there.
        if line is not None and self._values.get(message.field, line.field.default) != message.value:
            self._values[message.field], self._was_early = message.value, False
            self._ask(at_once=False)

    def _take_in(self) -> None:
        """Plan for what stands in the boxes, where that is not told yet."""
        now = {name: line.value for name, line in self._lines.items()}
        if any(
            self._values.get(name, self._lines[name].field.default) != value for name, value in now.items()
        ):
            self._values = now
            self._ask(at_once=True)

    def on_button_pressed(self, message: Button.Pressed) -> None:
        """The mouse's way."""
        if message.button.id == "cancel":
            self.action_cancel()
        else:
            self.action_apply()

    def on_descendant_focus(self) -> None:
        """Say what the field means, where it does not."""
        self._tell_keys()

    def on_resize(self) -> None:
        """Fold the form anew: a low screen has one line for it."""
        self._unfold()

    def on_click(self, event: events.Click) -> None:
        """Unfold by mouse."""
        if event.widget is self._form.more:
            self.action_more()

    def action_enter(self) -> None:
        """Apply, unless Cancel or the fold has the focus; on a field of what destroys, ask for the button.

        The key comes by priority, ahead of keys that a box has not taken in yet: those are waited for.
        """
        focused = self.focused
        if focused is None:
            self._enter()
        else:
            focused.call_later(self._enter)

    def _enter(self) -> None:
        if self.focused is self._cancel:
            self.action_cancel()
        elif self.focused is self._form.more:
            self.action_more()
        elif self._name_box.display and self._is_field_of_grave_plan():
            self._say("This destroys: type the cluster's name, then Enter applies it.")
            self.set_focus(focusable(self._name_box))
        elif self._is_field_of_grave_plan():
            self._say("This destroys: y applies it, or Enter on Apply.")
            self.set_focus(self._cancel)
        else:
            self.action_apply()

    def action_apply(self) -> None:
        """Start the plan that is shown, if it is one that can be started."""
        if self._applying:
            return
        self._take_in()
        shown = self._shown
        if shown is None:
            if form.missing(self._fields, self._values) is None and not self._refused:
                # What was not on the screen was not confirmed, however small it turns out to be.
                self._was_early = True
                self._say("The plan is still being made; Enter applies it once it stands here.")
            return
        told = confirming.hindrance(shown.plan)
        missing = confirming.unconfirmed(shown.plan, reason=self._reason_box.value, name=self._name_box.value)
        if told or missing:
            self._say(told or missing)
            if not told:
                self.set_focus(
                    focusable(self._reason_box if missing.startswith("Policy") else self._name_box)
                )
            return
        self._applying = True
        self._say("Applying …")
        typed, reason = form.given(self._fields, self._values), self._reason_box.value.strip()
        begin: WorkType[None] = partial(self._errand.begin, shown, typed, reason)
        self.run_worker(begin, group="apply")

    def action_cancel(self) -> None:
        """Leave without a trace; what is being applied is not left half-way."""
        if not self._applying:
            self.dismiss()

    def action_more(self) -> None:
        """Show the optional fields, or fold them again."""
        self._more = not self._more
        self._unfold()

    def action_scroll(self, pages: int) -> None:
        """Move the plan by pages."""
        self._plan_view.scroll_pages(pages)

    def action_turn(self, step: int) -> None:
        """Turn to another part of a plan that has several."""
        if not isinstance(self._plan_view, DrainPlanView) or not self._plan_view.has_tabs:
            raise SkipAction
        self._plan_view.turn(step)

    # What is shown, and where the keys go

    def _ask(self, *, at_once: bool) -> None:
        """Ask for the plan of the values as they are; what is shown cannot be applied any more."""
        self._number += 1
        self._shown, self._refused, pane = None, False, self._plan_view
        missing = form.missing(self._fields, self._values)
        if missing is not None:
            self.workers.cancel_group(self, "plan")
            pane.tell(missing.description)
            self._say("")
            return
        pane.outdate()
        self._say("~ planning …")
        typed = form.given(self._fields, self._values)
        # As a function: a coroutine that is overtaken before it began would never be awaited.
        plan: WorkType[None] = partial(self._errand.plan, self._number, typed, at_once=at_once)
        self.run_worker(plan, group="plan", exclusive=True)

    def _say(self, sentence: str) -> None:
        self._sentence.say(sentence)
        self.call_after_refresh(self._fit)

    def _say_where(self, who: str) -> None:
        if not self._connection.connected:
            self._where.say("not connected")
            return
        cluster = self._connection.ops.cluster_info
        is_production = cluster.environment.lower() in {"production", "prod"}
        self.set_class(is_production, "-production")
        environment = f"!! {cluster.environment.upper()} !!" if is_production else cluster.environment
        place = where_asked(self._doing.params) or CLUSTER_WIDE
        parts = (cluster.name or cluster.context, environment, place, who)
        self._where.say(SEPARATOR.join(part for part in parts if part))

    def _unfold(self) -> None:
        """Show what is asked first, what a finding names, what was changed; all of it when unfolded."""
        tight = isinstance(self._plan_view, DrainPlanView) and self.size.height < LOW
        self._form.unfold(self._values, self._surfaced, unfolded=self._more, tight=tight)
        self._tell_keys()
        self.call_after_refresh(self._fit)

    def _tell_keys(self) -> None:
        """What the field means that has the focus, where it does not say so itself; else the keys."""
        self._form.tell_more(typing=isinstance(self.focused, Input))
        field = field_under(self.focused) if self._form.is_brief else None
        self._keys.say(field.description if field is not None else KEYS_SAID)

    def _fit(self) -> None:
        """As tall as there is to show, if the screen is; what is too much is the plan's and the form's to scroll."""
        said = [widget for widget in (self._sentence, *self._boxes) if widget.display]
        lines = self._form.height_within(max(self.size.height // 2 - _FRAME, _LEAST_LINES))
        wanted = _FRAME + lines + self._plan_view.lines
        wanted += sum(widget.outer_size.height for widget in said)
        self._box.styles.height = min(max(wanted, _FRAME + _LEAST_LINES), self.size.height - _HEADER)

    def _leave_apply(self, plan: Plan) -> None:
        """Where Enter on Apply would be wrong or in vain, the focus is where the way on is."""
        way_on = next((name for name in form.overriding(plan.blockers, self._fields)), "")
        if way_on:
            self.set_focus(focusable(self._lines[way_on]))
        elif confirming.is_grave(plan):
            self.set_focus(self._cancel)

    def _is_field_of_grave_plan(self) -> bool:
        on_button = self.focused is self._apply or self.focused is focusable(self._name_box)
        return self._shown is not None and confirming.is_grave(self._shown.plan) and not on_button

    def _approval(self, plan: Plan) -> str:
        if plan.decision is None or not confirming.wants_approval(plan):
            return ""
        return confirming.approval_sentence(plan.decision)
