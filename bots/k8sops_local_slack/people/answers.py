"""What acks may carry: a message for a slash command, the next step for a sent form, options for a search.

An ack that Slack would not take changes nothing; it goes into the journal as refused, and the person is told.
"""

from __future__ import annotations

from typing import Any

from k8sops_local_slack.blocks.checks import listing
from k8sops_local_slack.blocks.objects import OPTION, OPTION_GROUP
from k8sops_local_slack.blocks.surfaces import view_content
from k8sops_local_slack.refusals import Refusal, bad_arguments
from k8sops_local_slack.triggers import Hook
from k8sops_local_slack.views import View
from k8sops_local_slack.web.hooks import speak
from k8sops_local_slack.world import World

MOST_OPTIONS = 100


def slash_answer(world: World, user: str, channel: str, response: Any) -> None:
    """Show the message that the ack of a slash command carries, if it does."""
    if isinstance(response, dict) and response:
        speak(world, Hook("", user, channel, None, None, world.clock.now()), response)


def submission_answer(world: World, view: View, response: Any) -> None:
    """Do what the ack of a sent form says; without a word the form closes."""
    action = response.get("response_action") if isinstance(response, dict) else None
    if action is None:
        world.views.close(view.user)
    elif action == "clear":
        world.views.close(view.user, all_of_them=True)
    elif action == "errors":
        _show_errors(view, response.get("errors"))
        world.bell.ring()
    elif action == "update":
        world.views.update(view, view_content(response.get("view"), "modal", world.ids))
    elif action == "push":
        world.views.push(view.user, view_content(response.get("view"), "modal", world.ids))
    else:
        raise bad_arguments(f"unknown response_action: {action}")


def _show_errors(view: View, errors: Any) -> None:
    inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors:
        raise bad_arguments("missing required field: errors")
    unknown = sorted(set(errors) - inputs)
    if unknown:
        raise bad_arguments(f"errors must name input blocks, not {', '.join(unknown)}")
    view.errors = {block: str(text) for block, text in errors.items()}


def options_answer(response: Any) -> list[dict[str, Any]]:
    """Give the options that the ack of a search carries, those in groups too."""
    if not isinstance(response, dict):
        raise Refusal("invalid_options")
    found: list[str] = []
    groups = response.get("option_groups")
    if groups is not None:
        listing(OPTION_GROUP, MOST_OPTIONS, 0)(groups, "/option_groups", found)
    else:
        listing(OPTION, MOST_OPTIONS, 0)(response.get("options"), "/options", found)
    if found:
        raise Refusal("invalid_options", errors=found)
    if groups is not None:
        return [option for group in groups for option in group["options"]]
    return list(response["options"])
