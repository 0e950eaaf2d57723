"""Small dialogs with one thing to type: why not, why, or the cluster's name. What was typed comes back as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from k8sops.core.errors import UsageError
from k8sops.core.run import Run
from k8sops_slack.blocks.building import Block, actions, button, input_block, section, text_input
from k8sops_slack.blocks.markup import escaped, plain
from k8sops_slack.blocks.sending import Message, message, modal
from k8sops_slack.cards.clicks import click_on
from k8sops_slack.cards.words import subject
from k8sops_slack.typed.normal import normalised

DENY: Final = "ask.deny"
NAME: Final = "ask.name"
REASON: Final = "ask.reason"
GIVE: Final = "reason.give"
"""The button that opens the dialog for a reason, where it could not be opened by itself."""
BLOCK: Final = "answer"
_ELEMENT: Final = "text"
_TOLD: Final = 500


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reason that policy wants for a request; button and dialog carry it along."""

    key: str
    """Where the request is kept meanwhile."""
    told: str
    """What is wanted, as a sentence."""

    @property
    def value(self) -> str:
        """As button and dialog carry it, who may cut the sentence, never the key."""
        return msgspec.json.encode(msgspec.structs.replace(self, told=plain(self.told, _TOLD))).decode()


_WANTED: Final = msgspec.json.Decoder(Wanted)


def read_wanted(value: str) -> Wanted:
    """What a button or dialog carried. Raises UsageError for what none of ours carries."""
    try:
        return _WANTED.decode(value)
    except msgspec.DecodeError as error:
        raise UsageError("this dialog is not one of ours", hint="ask for it anew") from error


def deny_dialog(run: Run, why: str = "") -> Block:
    """Why not: a no without a reason helps nobody. `why` is what was typed already."""
    return _dialog(run, DENY, "Deny", "Why not?", "It is recorded, and shown to whoever asked.", begin=why)


def name_dialog(run: Run) -> Block:
    """The cluster's name, where policy wants it typed."""
    hint = f"This is {run.plan.risk}: type {run.plan.cluster.name} to confirm."
    return _dialog(run, NAME, "Apply", "The cluster's name", hint)


def reason_dialog(wanted: Wanted, typed: str = "") -> Block:
    """Why, where policy demands it; what was asked for is repeated with it. `typed` is what was not enough."""
    hint = "Recorded with the run, and shown to whoever decides."
    field = input_block(
        BLOCK, "Reason", text_input(_ELEMENT, initial=typed, lines=True), needed=True, hint=hint
    )
    told = section(escaped(wanted.told, _TOLD))
    title = "Give a reason"
    return modal(title, REASON, [told, field], metadata=wanted.value, submit="Go on", close="Not now")


def reason_message(wanted: Wanted) -> Message:
    """The same as a message with a button: Slack opens a dialog only right after somebody did something."""
    told = escaped(f"⛔ {wanted.told}", _TOLD)
    return message(told, [section(told), *actions([button("Give a reason…", GIVE, wanted.value)])])


def answer(values: Mapping[str, Any]) -> str:
    """What was typed, of a submitted dialog's `state.values`."""
    typed = values.get(BLOCK, {}).get(_ELEMENT, {}).get("value")
    return normalised(typed) if isinstance(typed, str) else ""


def wrong_name(run: Run, typed: str) -> dict[str, str]:
    """What is shown below the field where another name was typed; nothing where it is right."""
    name = run.plan.cluster.name
    return {} if typed == name else {BLOCK: f"The cluster's name is {name}."[:150]}


def _dialog(run: Run, callback: str, title: str, label: str, hint: str, *, begin: str = "") -> Block:
    blocks = [
        section(escaped(subject(run), 300)),
        input_block(
            BLOCK, label, text_input(_ELEMENT, initial=begin, lines=callback != NAME), needed=True, hint=hint
        ),
    ]
    return modal(title, callback, blocks, metadata=click_on(run).value, submit=title, close="Not now")
