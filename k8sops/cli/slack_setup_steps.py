"""The steps of `k8sops slack setup` in their order.

What stays to be done is gathered and told at the end: a scope that is missing must not hide that the tokens are good.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from k8sops.cli.console import put, say
from k8sops.cli.slack_setup_person import Answers, find_person, map_person
from k8sops.cli.slack_setup_proof import prove, say_hello
from k8sops.cli.slack_setup_tokens import (
    App,
    Found,
    find_tokens,
    held_tokens,
    keep_tokens,
    look_at_scopes,
    make_app,
)
from k8sops.core.errors import ExitCode
from k8sops.service.chat.acting import ChatUser
from k8sops.service.config import Config
from k8sops.service.policies import policy_of


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """Where manifest and tokens are kept; None: nowhere."""

    manifest: Path | None
    tokens: Path | None


def go(config: Config, app: App, answers: Answers, files: Files) -> ExitCode:
    """Go through all of them. Raises K8sOpsError where the rest depends on what failed."""
    held = held_tokens(app, files.tokens)
    make_app(app, files.manifest, there=app.names[0] in held)
    found = find_tokens(app, held)
    kept = keep_tokens(found, held, files.tokens)
    undone = look_at_scopes(found)
    user = find_person(found.client, answers)
    who = ChatUser(team=found.bot.team, user=user.id)
    present = map_person(config, who, user, answers, app.command)
    person = policy_of(present).person_of(who.actor, "").name
    undone += prove(present, who, person)
    undone += say_hello(found.client, user, person, app.command)
    return _end(present, app, found, kept, undone)


def _end(config: Config, app: App, found: Found, kept: Path | None, undone: Sequence[str]) -> ExitCode:
    """What is next, or what is left."""
    say()
    if undone:
        say("Not yet:")
        for one in undone:
            say(f"  {one}")
        say("Then run this again; what is right already is left as it is.")
        return ExitCode.FAILED
    say("Ready. Start the bot:")
    if kept is not None:
        put(f"set -a; . {kept}; set +a")
    put("k8sops slack --http 8080" if app.url else "k8sops slack")
    say(f"Then, in a channel: /invite @{found.bot.bot}, and {app.command} help")
    if policy_of(config).trust == "signed":
        say(
            "The policy says `trust: signed`: it pins the bot's key, too, under attestation.slack (docs/slack.md)."
        )
    return ExitCode.DONE
