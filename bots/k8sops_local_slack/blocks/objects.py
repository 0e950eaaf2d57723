"""Composition objects: texts, options, confirmations."""

from __future__ import annotations

from typing import Any

from k8sops_local_slack.blocks.checks import Check, boolean, listing, one_of, problem, string, thing, typed


def plain(most: int) -> Check:
    """Check a plain text of at most so many characters."""
    return typed({"plain_text": _plain(most)})


def text(most: int) -> Check:
    """Check a text of either kind, of at most so many characters."""
    return typed({"plain_text": _plain(most), "mrkdwn": _mrkdwn(most)})


def _plain(most: int) -> Check:
    return thing({"type": one_of("plain_text"), "text": string(most)}, {"emoji": boolean})


def _mrkdwn(most: int) -> Check:
    return thing({"type": one_of("mrkdwn"), "text": string(most)}, {"verbatim": boolean})


CONFIRM = thing(
    {"title": plain(100), "text": text(300)},
    {"confirm": plain(30), "deny": plain(30), "style": one_of("primary", "danger")},
)
OPTION = thing(
    {"text": plain(75), "value": string(150)},
    {"description": plain(75), "url": string(3000)},
)
RICH_OPTION = thing({"text": text(75), "value": string(150)}, {"description": text(75)})
OPTION_GROUP = thing({"label": plain(75), "options": listing(OPTION, 100)})
DISPATCH = thing({}, {"trigger_actions_on": listing(one_of("on_enter_pressed", "on_character_entered"), 2)})


def offered(element: dict[str, Any]) -> list[dict[str, Any]]:
    """List the options of an element, those in groups too."""
    groups = element.get("option_groups")
    if isinstance(groups, list):
        return [
            option for group in groups if isinstance(group, dict) for option in group.get("options") or []
        ]
    options = element.get("options")
    return options if isinstance(options, list) else []


def among_the_options(check: Check) -> Check:
    """Check also that what is chosen from the start is offered, and that options stand in one place only."""

    def both(value: Any, where: str, found: list[str]) -> None:
        check(value, where, found)
        if ("options" in value) == ("option_groups" in value):
            problem(found, "must provide exactly one of options and option_groups", where)
        chosen = (
            [value["initial_option"]] if value.get("initial_option") else value.get("initial_options") or []
        )
        if isinstance(chosen, list) and any(option not in offered(value) for option in chosen):
            problem(found, "initial options must match the options provided", where)

    return both
