"""The last steps of `k8sops slack setup`: the bot acts as the person on each cluster, and says hello."""

from __future__ import annotations

from slack_sdk.web.async_client import AsyncWebClient

from k8sops.cli.console import put
from k8sops.cli.questions import ask_again
from k8sops.cli.running import run_async
from k8sops.cli.slack_setup_words import left, step, well
from k8sops.core.errors import K8sOpsError
from k8sops.service.chat.acting import ChatUser
from k8sops.service.chat.opening import open_chat
from k8sops.service.config import Config
from k8sops_slack.bot.reading import acts_as
from k8sops_slack.reads.whoami import ActsAs
from k8sops_slack.setup.people import SlackUser, greet


def prove(config: Config, who: ChatUser, person: str) -> list[str]:
    """Act as the person on every cluster; returns what is left to do, after as many looks as are wanted."""
    step(4, f"Acting as {person}")
    while True:
        told = [said for one in run_async(_acts(config, who)) if (said := _told(one))]
        if not told or not ask_again("Apply what is missing, then look again?"):
            return told


async def _acts(config: Config, who: ChatUser) -> list[ActsAs]:
    async with open_chat(config) as chat:
        return await acts_as(chat, who, chat.desk.clusters)


def _told(one: ActsAs) -> str:
    if not one.refused:
        groups = f", in {', '.join(one.groups)}" if one.groups else ""
        well(f"{one.cluster.name}: as {one.username}{groups}")
        return ""
    if one.yaml:
        left(f"{one.cluster.name}: {one.refused}", "an administrator of the cluster applies this:")
        put(one.yaml)
    else:
        left(f"{one.cluster.name}: {one.refused}")
    return f"{one.cluster.name}: {one.refused}"


def say_hello(client: AsyncWebClient, user: SlackUser, person: str, command: str) -> list[str]:
    """A direct message to the person; returns what is left to do."""
    step(5, "Hello")
    try:
        run_async(greet(client, user, person, command))
    except K8sOpsError as error:
        return [left(error.message, error.hint)]
    well(f"{user.name or user.id} has a direct message from the bot")
    return []
