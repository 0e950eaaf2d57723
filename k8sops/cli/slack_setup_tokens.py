"""The first steps of `k8sops slack setup`: the app, made of its manifest, and its tokens, tried at Slack.

A token is shown nowhere. It is kept where the person says, in a file for them alone, or nowhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from k8sops.cli.console import put, say
from k8sops.cli.questions import ask_again, ask_if_any, ask_secret
from k8sops.cli.running import run_async
from k8sops.cli.slack_setup_words import asked_again, left, step, well
from k8sops.core.errors import CredentialsError, UsageError
from k8sops.service.own_files import keep_secrets, kept_secrets, replace_text, text_of
from k8sops_slack.bot.serving import API
from k8sops_slack.manifest import SCOPES, manifest_link, manifest_text
from k8sops_slack.setup.tokens import APP, BOT, SECRET, Installed, check_shape, installed, opens_sockets

T = TypeVar("T")
_PATIENT: Final = 3

_FROM: Final = {
    BOT: "Bot token (OAuth & Permissions: Bot User OAuth Token, xoxb-…)",
    APP: "App token (Basic Information: App-Level Tokens, with connections:write, xapp-…)",
    SECRET: "Signing secret (Basic Information: App Credentials)",
}
_EXPORTED: Final = {BOT: "xoxb-…", APP: "xapp-…", SECRET: "the signing secret"}


class App(msgspec.Struct, frozen=True, kw_only=True):
    """The app that is wanted."""

    name: str
    command: str
    url: str
    """Over HTTP, the address that Slack calls; else empty."""

    @property
    def names(self) -> tuple[str, str]:
        """The variables of its tokens."""
        return BOT, SECRET if self.url else APP


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens that are good, and whom the first belongs to."""

    values: Mapping[str, str]
    bot: Installed

    @property
    def client(self) -> AsyncWebClient:
        """The bot's."""
        return client_of(self.values[BOT])

    def __repr__(self) -> str:
        return f"Found({sorted(self.values)})"


def held_tokens(app: App, file: Path | None) -> dict[str, str]:
    """Those that need not be asked for: of the environment, else of the file. Raises UsageError."""
    kept = kept_secrets(file) if file is not None else {}
    held = {name: os.environ.get(name) or kept.get(name, "") for name in app.names}
    return {name: value for name, value in held.items() if value}


def make_app(app: App, manifest: Path | None, *, there: bool) -> None:
    """How the app is made, where there is none yet. Raises UsageError for what Slack would not take."""
    step(1, "The app")
    wanted = {"name": app.name, "command": app.command, "url": app.url}
    link = manifest_link(**wanted)
    if manifest is not None:
        text, before = manifest_text(**wanted), text_of(manifest)
        if before not in {"", text}:
            raise UsageError(f"{manifest} is there already and says something else", hint="name another file")
        replace_text(manifest, text, before=before)
        well(f"its manifest is in {manifest}")
    if there:
        well("there is a bot token, so there is an app")
        return
    say("  Open this in a browser, choose the workspace, then Next, Create and Install to Workspace:")
    say()
    put(link)
    say()
    say(f"  It makes an app called {app.name} that listens to {app.command} and reads no channel.")


def find_tokens(app: App, held: Mapping[str, str]) -> Found:
    """Tokens that Slack takes, asked for until they are good; without a terminal raises what is wrong with one."""
    step(2, "The tokens")
    token, bot = _good(BOT, held, lambda value: run_async(installed(client_of(value))))
    well(f"{BOT}: {bot.bot} in {bot.workspace} ({bot.team})")
    if app.url:
        other, _ = _good(SECRET, held, lambda _: None)
        well(f"{SECRET}: it is tried by Slack's first request")
    else:
        other, _ = _good(APP, held, lambda value: run_async(opens_sockets(client_of(token), value, bot)))
        well(f"{APP}: Socket Mode opens")
    return Found(values=dict(zip(app.names, (token, other), strict=True)), bot=bot)


def _good(name: str, held: Mapping[str, str], check: Callable[[str], T]) -> tuple[str, T]:
    value = held.get(name, "")
    while True:
        typed = value or ask_secret(_FROM[name], name)
        try:
            check_shape(name, typed)
            return typed, check(typed)
        except (CredentialsError, UsageError) as error:
            asked_again(error)
            value = ""


def keep_tokens(found: Found, held: Mapping[str, str], file: Path | None) -> Path | None:
    """Keep them in the file, where one is wanted; returns it. Raises UsageError where it cannot be written."""
    if file is None and found.values == held:
        return None
    if file is None:
        said = ask_if_any("Keep the tokens in a file that only you can read? Its name, or Enter for no")
        file = Path(said).expanduser() if said else None
    if file is None:
        say("  They are kept nowhere. Whoever starts the bot sets them:")
        for name in found.values:
            put(f"export {name}=  # {_EXPORTED[name]}")
        return None
    kept = kept_secrets(file)
    if any(kept.get(name) != value for name, value in found.values.items()):
        keep_secrets(file, found.values)
    well(f"kept in {file}, for you alone")
    return file


def look_at_scopes(found: Found) -> list[str]:
    """Whether the bot may what the manifest says; returns what is left to do, after as many looks as are wanted."""
    bot = found.bot
    while bot.missing:
        told = [left(f"scope {scope} is missing: {without}") for scope, without in bot.missing.items()]
        say("    OAuth & Permissions, Bot Token Scopes: add them, then Reinstall to Workspace.")
        if not ask_again("Look again?"):
            return told
        bot = run_async(installed(found.client))
    well(f"scopes: all {len(SCOPES)} that the manifest asks for are granted")
    if bot.needless:
        say(
            f"  · More is granted than it needs: {', '.join(bot.needless)}. Take it back under Bot Token Scopes."
        )
    return []


def client_of(token: str) -> AsyncWebClient:
    """Slack, as whoever the token is; its limits are waited out."""
    return AsyncWebClient(
        token=token,
        base_url=os.environ.get("SLACK_API_URL") or API,
        retry_handlers=[AsyncRateLimitErrorRetryHandler(max_retry_count=_PATIENT)],
    )
