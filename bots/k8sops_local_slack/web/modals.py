"""views.*: open, push, update, publish."""

from __future__ import annotations

from k8sops_local_slack.blocks.surfaces import view_content
from k8sops_local_slack.refusals import Refusal, bad_arguments
from k8sops_local_slack.views import View
from k8sops_local_slack.web.arguments import Arguments
from k8sops_local_slack.web.method import Answer, Method
from k8sops_local_slack.web.tiers import Tier
from k8sops_local_slack.world import World


def view_fields(world: World, view: View) -> Answer:
    """Write a view the way the API and payloads show it."""
    content, app = view.content, world.workspace.app
    return {
        "id": view.id,
        "team_id": world.workspace.team_id,
        "type": content["type"],
        "blocks": content["blocks"],
        "private_metadata": content.get("private_metadata", ""),
        "callback_id": content.get("callback_id", ""),
        "external_id": content.get("external_id", ""),
        "state": {"values": view.values},
        "hash": view.hash,
        "title": content.get("title"),
        "submit": content.get("submit"),
        "close": content.get("close"),
        "clear_on_close": content.get("clear_on_close", False),
        "notify_on_close": content.get("notify_on_close", False),
        "root_view_id": view.root,
        "previous_view_id": view.previous,
        "app_id": app.id,
        "bot_id": app.bot_id,
        "app_installed_team_id": world.workspace.team_id,
    }


def _content(world: World, arguments: Arguments, kind: str) -> Answer:
    value = arguments.structure("view")
    if value is None:
        raise bad_arguments("missing required field: view")
    return view_content(value, kind, world.ids)


def open_view(world: World, arguments: Arguments) -> Answer:
    """Open a modal for whoever the trigger stands for."""
    trigger = arguments.text("trigger_id")
    content = _content(world, arguments, "modal")
    return {"view": view_fields(world, world.views.open(world.tickets.exchange(trigger), content))}


def push_view(world: World, arguments: Arguments) -> Answer:
    """Put a modal on top of the open one."""
    trigger = arguments.text("trigger_id")
    content = _content(world, arguments, "modal")
    return {"view": view_fields(world, world.views.push(world.tickets.exchange(trigger), content))}


def update_view(world: World, arguments: Arguments) -> Answer:
    """Change a view that is open."""
    view_id, external_id = arguments.maybe("view_id"), arguments.maybe("external_id")
    if not view_id and not external_id:
        raise bad_arguments("missing required field: view_id or external_id")
    view = world.views.find(view_id, external_id)
    content = _content(world, arguments, view.content["type"])
    return {"view": view_fields(world, world.views.update(view, content, arguments.maybe("hash")))}


def publish_view(world: World, arguments: Arguments) -> Answer:
    """Show a person their App Home."""
    user = arguments.text("user_id")
    if not world.workspace.app.home:
        raise Refusal("not_enabled")
    if user not in world.workspace.users:
        raise Refusal("user_not_found")
    content = _content(world, arguments, "home")
    return {"view": view_fields(world, world.views.publish(user, content, arguments.maybe("hash")))}


METHODS = (
    Method("views.open", open_view, Tier.T4, json=True),
    Method("views.push", push_view, Tier.T4, json=True),
    Method("views.update", update_view, Tier.T4, json=True),
    Method("views.publish", publish_view, Tier.T4, json=True),
)
