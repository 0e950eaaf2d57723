"""Block elements: buttons, selects, inputs."""

from __future__ import annotations

from k8sops_local_slack.blocks.checks import (
    Check,
    anything,
    boolean,
    listing,
    one_of,
    string,
    thing,
    typed,
    whole,
)
from k8sops_local_slack.blocks.objects import (
    CONFIRM,
    DISPATCH,
    OPTION,
    OPTION_GROUP,
    RICH_OPTION,
    among_the_options,
    plain,
)

ID = string(255)
_HELD = {"action_id": ID, "focus_on_load": boolean, "confirm": CONFIRM}
_ASKED = {**_HELD, "placeholder": plain(150)}
_OPTIONS = {"options": listing(OPTION, 100), "option_groups": listing(OPTION_GROUP, 100)}
_MANY = {"max_selected_items": whole(1, 10_000)}
_TYPED = {
    "action_id": ID,
    "focus_on_load": boolean,
    "placeholder": plain(150),
    "dispatch_action_config": DISPATCH,
}


def _element(name: str, required: dict[str, Check], optional: dict[str, Check]) -> Check:
    return thing({"type": one_of(name), **required}, optional)


def _choices(name: str) -> Check:
    ten = {"options": listing(RICH_OPTION, 10)}
    initial = {"initial_options": listing(RICH_OPTION, 10), "initial_option": RICH_OPTION}
    return among_the_options(_element(name, ten, {**_HELD, **initial}))


IMAGE = thing(
    {"type": one_of("image"), "alt_text": string(2000)}, {"image_url": string(3000), "slack_file": anything}
)
BUTTON = _element(
    "button",
    {"text": plain(75)},
    {
        "action_id": ID,
        "url": string(3000),
        "value": string(2000),
        "style": one_of("primary", "danger"),
        "confirm": CONFIRM,
        "accessibility_label": string(75),
    },
)
SELECTS: dict[str, Check] = {
    "static_select": among_the_options(
        _element("static_select", {}, {**_ASKED, **_OPTIONS, "initial_option": OPTION})
    ),
    "multi_static_select": among_the_options(
        _element(
            "multi_static_select",
            {},
            {**_ASKED, **_OPTIONS, **_MANY, "initial_options": listing(OPTION, 100)},
        )
    ),
    "external_select": _element(
        "external_select", {}, {**_ASKED, "initial_option": OPTION, "min_query_length": whole(0, 3000)}
    ),
    "multi_external_select": _element(
        "multi_external_select",
        {},
        {**_ASKED, **_MANY, "initial_options": listing(OPTION, 100), "min_query_length": whole(0, 3000)},
    ),
    "users_select": _element("users_select", {}, {**_ASKED, "initial_user": ID}),
    "multi_users_select": _element(
        "multi_users_select", {}, {**_ASKED, **_MANY, "initial_users": listing(ID, 100)}
    ),
    "conversations_select": _element(
        "conversations_select",
        {},
        {
            **_ASKED,
            "initial_conversation": ID,
            "default_to_current_conversation": boolean,
            "response_url_enabled": boolean,
            "filter": anything,
        },
    ),
    "channels_select": _element(
        "channels_select", {}, {**_ASKED, "initial_channel": ID, "response_url_enabled": boolean}
    ),
}
PICKERS: dict[str, Check] = {
    "datepicker": _element("datepicker", {}, {**_ASKED, "initial_date": string(10, 10)}),
    "timepicker": _element("timepicker", {}, {**_ASKED, "initial_time": string(5, 5), "timezone": ID}),
    "datetimepicker": _element(
        "datetimepicker", {}, {**_HELD, "initial_date_time": whole(10**9, 10**10 - 1)}
    ),
    "checkboxes": _choices("checkboxes"),
    "radio_buttons": _choices("radio_buttons"),
}
TYPED: dict[str, Check] = {
    "plain_text_input": _element(
        "plain_text_input",
        {},
        {
            **_TYPED,
            "initial_value": string(3000, 0),
            "multiline": boolean,
            "min_length": whole(0, 3000),
            "max_length": whole(1, 3000),
        },
    ),
    "number_input": _element(
        "number_input",
        {"is_decimal_allowed": boolean},
        {**_TYPED, "initial_value": string(100, 0), "min_value": string(100), "max_value": string(100)},
    ),
    "email_text_input": _element("email_text_input", {}, {**_TYPED, "initial_value": string(3000, 0)}),
    "url_text_input": _element("url_text_input", {}, {**_TYPED, "initial_value": string(3000, 0)}),
}
OVERFLOW = _element("overflow", {"options": listing(OPTION, 5)}, {"action_id": ID, "confirm": CONFIRM})

USABLE = {"button": BUTTON, "overflow": OVERFLOW, **SELECTS, **PICKERS}
IN_SECTIONS = typed({"image": IMAGE, **USABLE})
IN_ACTIONS = typed(USABLE)
IN_INPUTS = typed({**SELECTS, **PICKERS, **TYPED})
