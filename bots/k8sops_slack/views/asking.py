"""Small dialogs with one thing to type: why not, why, or the cluster's name. What was typed comes back as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from k8sops.core.run import Run
from k8sops_slack.blocks.building import Block, input_block, section, text_input
from k8sops_slack.blocks.markup import escaped
from k8sops_slack.blocks.sending import modal
from k8sops_slack.cards.clicks import click_on
from k8sops_slack.cards.words import subject
from k8sops_slack.typed.normal import normalised

DENY: Final = "ask.deny"
NAME: Final = "ask.name"
REASON: Final = "ask.reason"
BLOCK: Final = "answer"
_ELEMENT: Final = "text"


def deny_dialog(run: Run, why: str = "") -> Block:
    """Why not: a no without a reason helps nobody. `why` is what was typed already."""
    return _dialog(run, DENY, "Deny", "Why not?", "It is recorded, and shown to whoever asked.", begin=why)


def name_dialog(run: Run) -> Block:
    """The cluster's name, where policy wants it typed."""
    hint = f"This is {run.plan.risk}: type {run.plan.cluster.name} to confirm."
    return _dialog(run, NAME, "Apply", "The cluster's name", hint)


def reason_dialog(run: Run) -> Block:
    """Why, where policy demands it and nothing was said."""
    return _dialog(
        run, REASON, "Give a reason", "Why?", "Policy wants a reason; it is recorded with the run."
    )


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
