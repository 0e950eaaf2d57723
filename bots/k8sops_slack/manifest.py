"""The Slack app's manifest: what it may, what it hears, and the command it answers to.

The scopes are the least the bot needs: it reads no channel, only what is said to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from k8sops.core.errors import UsageError
from k8sops.service.config import SLASH_COMMAND
from k8sops_slack.cards import clicks

SCOPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "app_mentions:read": "mentions in threads are not heard",
        "chat:write": "nothing is said: no card, no answer",
        "commands": "the slash command and the shortcuts do not work",
        "files:write": "long plans and whole lists do not come as files",
        "im:history": "what is said to the bot in direct messages is not heard",
        "im:write": "approvers get no direct messages",
        "usergroups:read": "user groups are not mentioned",
        "users:read": "people are not looked up by their member id",
        "users:read.email": "people are not looked up by their e-mail",
    }
)
"""What the bot may, and what does not work without it."""
EVENTS: Final = ("app_home_opened", "app_mention", "message.im")
SHORTCUTS: Final = (
    ("Ask k8sops", "message", "shortcut.ask", "Read a message as a command."),
    ("Show run", "message", clicks.SHOW, "Show the run that a message is about."),
    ("Run an action", "global", "shortcut.action", "Choose an action and fill in its form."),
)
"""Name, kind, callback id and description of each."""

_NEW_APP: Final = "https://api.slack.com/apps?new_app=1&manifest_json="


def manifest(*, name: str = "k8sops", command: str = "/k8s", url: str = "") -> dict[str, Any]:
    """The manifest; with `url`, over HTTP on that address, else by Socket Mode, which needs none.

    Raises UsageError for a command or an address that Slack would not take.
    """
    if not SLASH_COMMAND.fullmatch(command):
        raise UsageError(
            f"{command!r} is no slash command", hint="write it as in /k8s: small letters, digits, - and _"
        )
    if url and not url.startswith("https://"):
        raise UsageError(f"{url!r} is no address Slack would call", hint="give one that begins with https://")
    address = f"{url.rstrip('/')}/slack/events" if url else ""
    return {
        "display_information": {
            "name": name[:35],
            "description": "The operations desk for Kubernetes: plan, approve, run and record every change.",
            "background_color": "#1f2933",
        },
        "features": _features(name, command, address),
        "oauth_config": {"scopes": {"bot": [*SCOPES]}},
        "settings": {
            "event_subscriptions": {"bot_events": [*EVENTS], **_at("request_url", address)},
            "interactivity": {
                "is_enabled": True,
                **_at("request_url", address),
                **_at("message_menu_options_url", address),
            },
            "org_deploy_enabled": True,
            "socket_mode_enabled": not address,
            "token_rotation_enabled": False,
        },
    }


def manifest_text(*, name: str = "k8sops", command: str = "/k8s", url: str = "") -> str:
    """The manifest as JSON, which Slack takes where it asks for one."""
    return json.dumps(manifest(name=name, command=command, url=url), indent=2, ensure_ascii=False) + "\n"


def manifest_link(*, name: str = "k8sops", command: str = "/k8s", url: str = "") -> str:
    """The address at which Slack makes an app of the manifest."""
    document = manifest(name=name, command=command, url=url)
    return f"{_NEW_APP}{quote(json.dumps(document, separators=(',', ':')), safe='')}"


def _features(name: str, command: str, address: str) -> dict[str, Any]:
    slash = {
        "command": command,
        "description": "See, propose, approve and follow changes of clusters.",
        "usage_hint": "help | status | get pods | drain node-3 --plan",
        "should_escape": True,
        **_at("url", address),
    }
    shortcuts = [
        {"name": label, "type": kind, "callback_id": callback, "description": told}
        for label, kind, callback, told in SHORTCUTS
    ]
    return {
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False,
        },
        "bot_user": {"display_name": name[:80], "always_online": False},
        "shortcuts": shortcuts,
        "slash_commands": [slash],
    }


def _at(key: str, address: str) -> dict[str, str]:
    return {key: address} if address else {}
