"""An action's form as a dialog, and what was filled in as values of its Params.

The dialog itself holds all that is known of it, so that any replica can take it up; what comes back is checked by the
Params alone, and what is wrong is said below its field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from k8sops.core.errors import UsageError
from k8sops.core.plan import JsonObject
from k8sops.service.catalog import spec_named
from k8sops.service.command_line.checking import field_errors
from k8sops_slack.blocks.building import (
    Block,
    actions,
    button,
    context,
    external_select,
    input_block,
    option,
    section,
    static_select,
    text_input,
)
from k8sops_slack.blocks.limits import INPUT_ERROR, OPTION_VALUE, OPTIONS, size
from k8sops_slack.blocks.markup import bold, code, escaped, joined
from k8sops_slack.blocks.sending import modal
from k8sops_slack.typed.normal import normalised
from k8sops_slack.views.form_fields import YES_NO, FormField, form_fields
from k8sops_slack.views.found_names import scattered, taken_apart

CALLBACK: Final = "form"
MORE: Final = "form.more"
VALUE: Final = "value"
NAMES: Final = "names"
"""The action of a field whose options are searched for; the block's id names the field."""
FIELD: Final = "field."
REASON: Final = "reason"
_FLAG: Final = re.compile(r"(?<![\w-])--([a-z][a-z-]*[a-z])")


class FormPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a form is for and where its plan goes; a dialog carries it along."""

    action: str
    cluster: str
    """The cluster's uid."""
    where: str = ""
    """The cluster as a person reads it."""
    channel: str = ""
    thread: str = ""
    more: bool = False
    reason_wanted: str = ""
    """Why there has to be a reason, as a sentence, where policy wants one whatever the plan may be."""
    given: JsonObject = {}
    """What was typed before the form, until it is shown."""
    reason: str = ""
    """Likewise."""
    only_plan: bool = False
    hold: bool = False
    """As typed before the form; no field asks it."""

    @property
    def metadata(self) -> str:
        """As a dialog carries it."""
        return msgspec.json.encode(self).decode()


_PLACE: Final = msgspec.json.Decoder(FormPlace)


def read_place(metadata: str) -> FormPlace:
    """What a dialog carried. Raises UsageError for what no form of ours carries."""
    try:
        return _PLACE.decode(metadata)
    except msgspec.DecodeError as error:
        raise UsageError("this form is not one of ours", hint="open it anew") from error


def form(place: FormPlace, given: Mapping[str, Any] | None = None, reason: str = "") -> Block:
    """The dialog; `given` and `reason` are what to begin with, as words gave them."""
    spec = spec_named(place.action)
    fields, given = form_fields(spec), given or {}
    shown = [field for field in fields if field.first or place.more or field.name in given]
    head = joined(" ", [escaped(spec.summary), bold(escaped(place.where, 120))])
    blocks = [section(head), *(_asked(field, given.get(field.name)) for field in shown)]
    blocks.append(_reason(place, reason))
    if len(shown) < len(fields):
        blocks += actions([button(f"More options ({len(fields) - len(shown)})", MORE, place.action)])
    blocks.append(context(joined(" ", [code(spec.typed), escaped(_promise(place))])))
    return modal(spec.typed.capitalize(), CALLBACK, blocks, metadata=place.metadata, submit="Show the plan")


def filled_in(action: str, values: Mapping[str, Any]) -> JsonObject:
    """The Params that a submitted form's `state.values` give; what is as by default is not given.

    An object that was found in another namespace says in which: where none was chosen, it is that one.
    """
    fields = form_fields(spec_named(action))
    return taken_apart(fields, _entered(fields, values))


def reason_of(values: Mapping[str, Any]) -> str:
    """The reason that was typed."""
    return normalised(values.get(REASON, {}).get(VALUE, {}).get("value") or "")


def form_errors(action: str, given: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong, by the id of the block it is shown below; empty where nothing is.

    What concerns several fields is said below the first of them that it names; what concerns one that was not shown
    is said below the first one, with its name.
    """
    fields = form_fields(spec_named(action))
    shown = [block for block in values if block.startswith(FIELD)] or [REASON]
    found: dict[str, list[str]] = {}
    for name, told in [*field_errors(action, given).items(), *scattered(fields, _entered(fields, values))]:
        block = f"{FIELD}{name}" if name else _concerned(told, shown)
        text = _in_words(told, fields)
        if block not in shown:
            block, text = shown[0], f"{_label(name)}: {text}"
        found.setdefault(block, []).append(text)
    return {block: _short(" ".join(texts)) for block, texts in found.items()}


def _concerned(told: str, shown: Sequence[str]) -> str:
    """The block of the field that is named first, as a flag or as it is called; else the first."""
    named = {block: _mention(block.removeprefix(FIELD)).search(told) for block in shown}
    places = {block: match.start() for block, match in named.items() if match}
    return min(places, key=lambda block: places[block], default=shown[0])


def _mention(name: str) -> re.Pattern[str]:
    words = re.escape(name.replace("_", "-")), re.escape(name.replace("_", " "))
    return re.compile(rf"--{words[0]}(?![\w-])|(?<![\w-]){words[1]}(?![\w-])", re.IGNORECASE)


def _in_words(told: str, fields: Sequence[FormField]) -> str:
    """Flags are the command line's: a form has labels."""
    labels = {field.name.replace("_", "-"): field.label for field in fields}
    return _FLAG.sub(lambda flag: labels.get(flag[1], flag[0]), told)


def choices(names: Sequence[str], typed: str) -> list[Block]:
    """Options for what was typed so far: names that begin with it, then those that hold it, then the words themselves.

    A name that Slack could not carry back whole is not offered.
    """
    wanted = normalised(typed).lower()
    found = [name for name in names if wanted in name.lower() and 0 < size(name) <= OPTION_VALUE]
    ordered = sorted(found, key=lambda name: (not name.lower().rpartition("/")[2].startswith(wanted), name))
    own = normalised(typed)
    if own and own not in ordered and size(own) <= OPTION_VALUE:
        ordered = [*ordered[: OPTIONS - 1], own]
    return [option(name, name) for name in ordered[:OPTIONS]]


def _reason(place: FormPlace, reason: str) -> Block:
    hint = "Recorded with the run, and shown to whoever decides."
    if place.reason_wanted:
        hint = f"{place.reason_wanted[:1].upper()}{place.reason_wanted[1:]}. {hint}"
    element = text_input(VALUE, initial=reason)
    return input_block(REASON, "Reason", element, needed=bool(place.reason_wanted), hint=hint)


def _promise(place: FormPlace) -> str:
    if place.only_plan:
        return "shows its plan only: nothing can be applied."
    held = " Once approved, it waits until you start it." if place.hold else ""
    return f"shows its plan first; nothing changes yet.{held}"


def _asked(field: FormField, value: Any) -> Block:
    words = [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)] if value else []
    if field.kind == "choice":
        chosen = YES_NO[not value] if isinstance(value, bool) else (words or [field.default])[0]
        options = [option(one, one) for one in field.choices]
        element = static_select(VALUE, options, hint="Choose", chosen=chosen)
    elif field.kind == "names":
        chosen_ones = [option(word, word) for word in words if size(word) <= OPTION_VALUE]
        element = external_select(NAMES, hint="Type to search", many=field.many, chosen=chosen_ones)
    else:
        initial = "\n".join(words) if words else field.default
        element = text_input(VALUE, initial=initial, lines=field.kind == "words")
    return input_block(f"{FIELD}{field.name}", field.label, element, needed=field.needed, hint=field.hint)


def _entered(fields: Sequence[FormField], values: Mapping[str, Any]) -> JsonObject:
    """What differs from the defaults, as it was entered."""
    given: JsonObject = {}
    for field in fields:
        state = values.get(f"{FIELD}{field.name}", {})
        typed = _typed(field, next(iter(state.values()), {}))
        if typed not in ("", (), None) and typed != field.default:
            given[field.name] = typed == YES_NO[0] if field.choices == YES_NO else typed
    return given


def _typed(field: FormField, state: Mapping[str, Any]) -> Any:
    if many := state.get("selected_options"):
        return tuple(str(one["value"]) for one in many)
    if one := state.get("selected_option"):
        value = str(one["value"])
        return (value,) if field.many else value
    lines = [line for text in str(state.get("value") or "").splitlines() if (line := normalised(text))]
    return tuple(lines) if field.many else " ".join(lines)


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _short(text: str) -> str:
    return text if size(text) <= INPUT_ERROR else f"{text[: INPUT_ERROR - 1]}…"
