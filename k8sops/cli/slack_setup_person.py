"""The step of `k8sops slack setup` that maps the first person: found in Slack, put into the policy.

Files are shown as they would be before anything is written, and read again after it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
from slack_sdk.web.async_client import AsyncWebClient

from k8sops.cli.console import put, say
from k8sops.cli.questions import agreed, ask, ask_if_any, show_change
from k8sops.cli.running import run_async
from k8sops.cli.slack_setup_words import asked_again, step, well
from k8sops.core.errors import K8sOpsError, UsageError
from k8sops.core.plan import ClusterInfo
from k8sops.service.chat.acting import ChatUser
from k8sops.service.chat.first_person import (
    KnownAs,
    Newcomer,
    known_as,
    new_policy_text,
    to_paste,
    with_newcomer,
)
from k8sops.service.chat.opening import open_chat
from k8sops.service.config import Config, config_path, load_config
from k8sops.service.own_files import replace_text, text_of
from k8sops.service.policies import policy_of
from k8sops.service.yaml_insert import with_entry
from k8sops_slack.setup.people import SlackUser, find_user


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What options say of the person; empty where they say nothing."""

    user: str
    person: str
    groups: tuple[str, ...]
    cluster_user: str
    cluster_groups: tuple[str, ...]
    policy: Path | None
    yes: bool


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A file, and what it is to say."""

    path: Path
    before: str
    after: str


def find_person(client: AsyncWebClient, given: Answers) -> SlackUser:
    """Who it is in Slack, asked for until there is somebody. Raises UsageError without a terminal."""
    step(3, "The first person")
    asked = given.user
    while True:
        asked = asked or ask("Member id (in Slack: profile, three dots, Copy member ID) or e-mail", "--user")
        try:
            user = run_async(find_user(client, asked))
        except UsageError as error:
            asked_again(error)
            asked = ""
        else:
            well(f"{user.id} is {user.name} in Slack")
            return user


def map_person(config: Config, who: ChatUser, user: SlackUser, given: Answers, command: str) -> Config:
    """The configuration under which the policy knows them, written where it was not so.

    Raises UsageError where the files say something else, ConfirmationError where it is not agreed to.
    """
    path = config.policy or given.policy or config_path(os.environ).with_name("policy.yaml")
    here = msgspec.structs.replace(config, policy=path if path.exists() else None)
    known = known_as(policy_of(here), who, given.person, given.cluster_user)
    changes = _settings(config, path.absolute(), command)
    newcomer = None
    if not known.complete:
        newcomer = _newcomer(who, user, known, given, here)
        before = text_of(path)
        base = before or new_policy_text(_clusters(here))
        after = with_newcomer(base, newcomer, where=str(path))
        if after is None:
            put(to_paste(newcomer))
            raise UsageError(
                f"{path} has no place where this could be added by itself",
                hint="add it there, and run this again",
            )
        changes.insert(0, Change(path=path, before=before, after=after))
    _write(changes, newcomer, given)
    present = _read_again(config, path, command)
    known = known_as(policy_of(present), who)
    if not known.complete:
        raise UsageError(f"{path} does not say it after all", hint="look at it with `k8sops policy check`")
    groups = f", in {', '.join(known.cluster_groups)}" if known.cluster_groups else ""
    well(f"the policy knows {who.user} as {known.person}; the clusters see {known.cluster_user}{groups}")
    return present


def _newcomer(who: ChatUser, user: SlackUser, known: KnownAs, given: Answers, config: Config) -> Newcomer:
    """Everything the policy does not say yet, asked for."""
    person = (
        known.person or given.person or ask("What is the policy to call them", "--person", usually=user.name)
    )
    # A person who is in the policy by that name may be seen by the clusters as somebody already.
    there = known_as(policy_of(config), who, person, given.cluster_user)
    groups = there.groups or given.groups or _several("Their groups in the policy, if any")
    cluster_user = given.cluster_user or there.cluster_user
    cluster_groups = given.cluster_groups
    if not cluster_user:
        cluster_user = ask(
            f"As whom do the clusters see {person}: their username there",
            "--cluster-user",
            usually=user.email,
        )
        cluster_groups = cluster_groups or _several("In which groups there, if any")
    return Newcomer(
        user=who, person=person, groups=groups, cluster_user=cluster_user, cluster_groups=cluster_groups
    )


def _several(question: str) -> tuple[str, ...]:
    return tuple(one for one in re.split(r"[,\s]+", ask_if_any(question)) if one)


def _settings(config: Config, policy: Path, command: str) -> list[Change]:
    """What the configuration does not say yet. Raises UsageError where it says something else."""
    path = config_path(os.environ)
    before = after = text_of(path)
    wanted: Mapping[tuple[str, ...], str] = {
        **({("policy",): str(policy)} if config.policy is None else {}),
        **({("slack", "command"): command} if config.slack.command != command else {}),
    }
    for key, value in wanted.items():
        added = with_entry(after, key, value)
        if added is None:
            raise UsageError(
                f"{path} says something else than {'.'.join(key)}: {value}",
                hint="change it there, and run this again",
            )
        after = added
    return [Change(path=path, before=before, after=after)] if wanted else []


def _write(changes: list[Change], newcomer: Newcomer | None, given: Answers) -> None:
    if not changes:
        return
    for one in changes:
        say()
        show_change(one.path, one.before, one.after)
    say()
    try:
        agreed("Write this?", yes=given.yes, nothing="nothing was written")
    except K8sOpsError:
        if newcomer is not None:
            put(to_paste(newcomer))
        raise
    for one in changes:
        replace_text(one.path, one.after, before=one.before)
        well(f"written: {one.path}")


def _read_again(config: Config, policy: Path, command: str) -> Config:
    """The configuration as every command reads it now. Raises UsageError where it is not what was written."""
    flags = {"context": config.context, "kubeconfig": config.kubeconfig}
    present = load_config(flags)
    if (
        present.policy is None
        or present.policy.absolute() != policy.absolute()
        or present.slack.command != command
    ):
        raise UsageError(
            f"{config_path(os.environ)} does not say what was written", hint="is K8SOPS_POLICY set elsewhere?"
        )
    return present


def _clusters(config: Config) -> tuple[ClusterInfo, ...]:
    """Those that the bot serves, for a policy that is begun."""

    async def look() -> tuple[ClusterInfo, ...]:
        async with open_chat(config) as chat:
            return chat.desk.clusters

    return run_async(look())
