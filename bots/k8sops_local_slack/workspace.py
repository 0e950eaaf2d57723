"""The workspace: its people, groups, channels, and the one app installed in it.

It is built in Python before, or while, the bot runs. An app can be made from its manifest: it then has the commands,
shortcuts, events and scopes the manifest names and no other, so that what the bot forgot to ask for is refused here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["public", "private", "im"]

USUAL_SCOPES = (
    "app_mentions:read",
    "channels:read",
    "chat:write",
    "commands",
    "files:write",
    "groups:read",
    "im:history",
    "im:write",
    "usergroups:read",
    "users:read",
    "users:read.email",
)
USUAL_EVENTS = ("app_home_opened", "app_mention", "message.im")


@dataclass
class User:
    """A person of the workspace; `tz_offset` in seconds east of Greenwich."""

    id: str
    name: str
    real_name: str
    email: str
    tz: str = "Europe/Berlin"
    tz_offset: int = 3600
    team_id: str = ""
    deleted: bool = False
    is_bot: bool = False


@dataclass
class Usergroup:
    """A group that can be mentioned, such as @sre."""

    id: str
    handle: str
    name: str
    users: list[str]
    disabled: bool = False


@dataclass
class Channel:
    """A channel, or the direct messages of one person with the app."""

    id: str
    name: str
    kind: Kind
    members: set[str]
    archived: bool = False


@dataclass
class App:
    """The installed app: its tokens, what it may do, and what is sent to it."""

    id: str
    name: str
    bot_id: str
    bot_user: str
    bot_token: str
    app_token: str
    signing_secret: str
    scopes: set[str]
    app_scopes: set[str]
    commands: set[str]
    events: set[str]
    shortcuts: dict[str, Literal["global", "message"]]
    shortcut_names: dict[str, str] = field(default_factory=dict)
    escaped_commands: set[str] = field(default_factory=set)
    home: bool = True


@dataclass
class Workspace:
    """Everything that is there before anybody says anything."""

    app: App
    team_id: str = "T0LOCAL"
    team_name: str = "Local"
    team_domain: str = "local"
    enterprise_id: str | None = None
    users: dict[str, User] = field(default_factory=dict)
    usergroups: dict[str, Usergroup] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bot = self.app.bot_user
        self.users[bot] = User(
            bot, self.app.name, self.app.name, "", tz="UTC", tz_offset=0, team_id=self.team_id, is_bot=True
        )

    def add_user(self, user_id: str, name: str, *, email: str = "", tz_offset: int = 3600) -> User:
        """Add a person, with an address at example.com unless one is given."""
        user = User(
            user_id,
            name,
            name.title(),
            email or f"{name}@example.com",
            tz_offset=tz_offset,
            team_id=self.team_id,
        )
        self.users[user_id] = user
        return user

    def add_channel(
        self, channel_id: str, name: str, *members: str, kind: Kind = "public", bot: bool = True
    ) -> Channel:
        """Add a channel with these people, and the app unless told otherwise."""
        everyone = {*members, self.app.bot_user} if bot else set(members)
        self.channels[channel_id] = Channel(channel_id, name, kind, everyone)
        return self.channels[channel_id]

    def add_usergroup(self, group_id: str, handle: str, *users: str) -> Usergroup:
        """Add a group of people that can be mentioned."""
        self.usergroups[group_id] = Usergroup(group_id, handle, handle.title(), list(users))
        return self.usergroups[group_id]

    def direct(self, user_id: str) -> Channel:
        """Give the direct messages of this person with the app, opened if need be."""
        channel_id = "D" + user_id[1:]
        if channel_id not in self.channels:
            self.channels[channel_id] = Channel(channel_id, user_id, "im", {user_id, self.app.bot_user})
        return self.channels[channel_id]


def usual_app(name: str = "k8sops", *commands: str) -> App:
    """Make an app with the scopes, events and tokens most tests want."""
    return App(
        id="A0LOCAL",
        name=name,
        bot_id="B0LOCAL",
        bot_user="U0BOT",
        bot_token="xoxb-local-bot",  # noqa: S106 - opens nothing but this local server
        app_token="xapp-local-app",  # noqa: S106 - likewise
        signing_secret="local-signing-secret",  # noqa: S106 - likewise
        scopes=set(USUAL_SCOPES),
        app_scopes={"connections:write"},
        commands=set(commands or ("/k8s",)),
        events=set(USUAL_EVENTS),
        shortcuts={},
    )


def app_from_manifest(manifest: Mapping[str, Any]) -> App:
    """Make the app that a manifest describes; a part it leaves out is a part the app does not have."""
    features, settings = manifest.get("features", {}), manifest.get("settings", {})
    app = usual_app(manifest["display_information"]["name"])
    commands = features.get("slash_commands", [])
    app.commands = {command["command"] for command in commands}
    app.escaped_commands = {command["command"] for command in commands if command.get("should_escape")}
    app.shortcuts = {short["callback_id"]: short["type"] for short in features.get("shortcuts", [])}
    app.shortcut_names = {short["callback_id"]: short["name"] for short in features.get("shortcuts", [])}
    app.home = bool(features.get("app_home", {}).get("home_tab_enabled"))
    app.scopes = set(manifest.get("oauth_config", {}).get("scopes", {}).get("bot", []))
    app.events = set(settings.get("event_subscriptions", {}).get("bot_events", []))
    return app
