"""Filling in: finding an element by what a person would call it, and what its value looks like to the app."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from k8sops_local_slack.blocks.objects import offered
from k8sops_local_slack.refusals import NotVisible
from k8sops_local_slack.views import elements_of

Element = dict[str, Any]
Values = dict[str, dict[str, Any]]
TYPED = {"plain_text_input", "number_input", "email_text_input", "url_text_input"}
ONE_OPTION = {"static_select", "external_select", "radio_buttons", "overflow"}
MANY_OPTIONS = {"multi_static_select", "multi_external_select", "checkboxes"}
NAMED = {
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "channels_select": ("selected_channel", "initial_channel"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
}


class Incomplete(AssertionError):  # noqa: N818 - named for what the form is
    """The form was not sent: Slack's own client asks for what is missing or does not fit."""


def names_of(block: dict[str, Any], element: Element) -> set[str]:
    """Give everything a person or a test may call an element by."""
    texts = [block.get("label"), element.get("text"), element.get("placeholder")]
    said = {text["text"] for text in texts if isinstance(text, dict)}
    return said | {element["action_id"], block["block_id"]}


def place_of(block: dict[str, Any], element: Element) -> str:
    """Give what tells an element from all others of a surface: action ids may stand in several blocks."""
    return f"{block['block_id']}/{element['action_id']}"


def find(blocks: Iterable[dict[str, Any]], name: str) -> tuple[dict[str, Any], Element]:
    """Find an element by place or action id, or else by what stands on it; not there means not visible."""
    pairs = [(block, element) for block in blocks for element in elements_of(block)]
    exact = [pair for pair in pairs if name in {place_of(*pair), pair[1]["action_id"]}]
    named = exact or [pair for pair in pairs if name in names_of(*pair)]
    if not named:
        there = ", ".join(sorted(element["action_id"] for _, element in pairs)) or "nothing to use"
        raise NotVisible(f"{name!r} is not there; there is: {there}")
    return named[0]


def initial_values(blocks: Iterable[dict[str, Any]]) -> Values:
    """Give the state of a surface that nobody has touched."""
    values: Values = {}
    for block in blocks:
        for element in elements_of(block):
            if element["type"] not in {"button", "overflow"}:
                values.setdefault(block["block_id"], {})[element["action_id"]] = _initial(element)
    return values


def state(blocks: list[dict[str, Any]], entered: Values) -> Values:
    """Give the state of a surface: what was entered, and what was there from the start."""
    values = initial_values(blocks)
    for block_id, actions in values.items():
        actions.update({a: v for a, v in entered.get(block_id, {}).items() if a in actions})
    return values


def _initial(element: Element) -> dict[str, Any]:
    kind = element["type"]
    if kind in TYPED:
        return {"type": kind, "value": element.get("initial_value")}
    if kind in ONE_OPTION:
        return {"type": kind, "selected_option": element.get("initial_option")}
    if kind in MANY_OPTIONS:
        return {"type": kind, "selected_options": element.get("initial_options", [])}
    key, initial = NAMED[kind]
    return {"type": kind, key: element.get(initial)}


def value_of(element: Element, given: Any, options: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the value an element has once a person has chosen or typed this.

    `options` are those offered by a search; the element's own are used where it has some.
    """
    kind = element["type"]
    if kind in TYPED:
        return {"type": kind, "value": str(given) if given not in {None, ""} else None}
    choices = offered(element) or options
    if kind in ONE_OPTION:
        return {"type": kind, "selected_option": None if given is None else pick(choices, given)}
    if kind in MANY_OPTIONS:
        return {"type": kind, "selected_options": [pick(choices, one) for one in given]}
    return {"type": kind, NAMED[kind][0]: given}


def pick(options: list[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """Find an option by its value or its text."""
    for option in options:
        if wanted in {option.get("value"), option["text"]["text"]}:
            return option
    shown = ", ".join(option["text"]["text"] for option in options) or "no options"
    raise NotVisible(f"{wanted!r} is not offered; there is: {shown}")


def chosen(value: dict[str, Any]) -> Any:
    """Give what stands in a value, whatever its kind; empty means nothing was entered."""
    return next((inner for key, inner in value.items() if key != "type"), None)


def check_complete(blocks: list[dict[str, Any]], values: Values) -> None:
    """Do what Slack's client does before it sends a form: ask for what is missing or does not fit."""
    for block in blocks:
        if block["type"] != "input":
            continue
        element = block["element"]
        entered = chosen(values[block["block_id"]][element["action_id"]])
        label = block["label"]["text"]
        if not entered and not block.get("optional"):
            raise Incomplete(f"{label}: please complete this required field")
        if entered and element["type"] in TYPED:
            _check_typed(label, element, str(entered))


def _check_typed(label: str, element: Element, entered: str) -> None:
    if not element.get("min_length", 0) <= len(entered) <= element.get("max_length", 3000):
        raise Incomplete(f"{label}: too short or too long")
    if element["type"] == "number_input":
        try:
            number = float(entered)
        except ValueError:
            raise Incomplete(f"{label}: not a number") from None
        if not element["is_decimal_allowed"] and not number.is_integer():
            raise Incomplete(f"{label}: not a whole number")
        if not float(element.get("min_value", "-inf")) <= number <= float(element.get("max_value", "inf")):
            raise Incomplete(f"{label}: out of range")
