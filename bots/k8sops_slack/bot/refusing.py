"""One sentence and what to do, to whoever asked, where they asked."""

from __future__ import annotations

from k8sops.core.errors import K8sOpsError
from k8sops.service.chat.rights import MayNotActAsError
from k8sops_slack.blocks.building import section
from k8sops_slack.blocks.markup import Mrkdwn, escaped, fenced, joined, prose
from k8sops_slack.blocks.sending import Message, message
from k8sops_slack.bot.heard import Heard
from k8sops_slack.bot.posting import Poster
from k8sops_slack.typed.hints import as_typed_here


async def refuse(poster: Poster, heard: Heard, error: K8sOpsError, program: str) -> None:
    """Tell whoever asked; in their direct messages where they asked in none."""
    await poster.whisper(heard.channel, heard.user, refusal(error, program), thread=heard.thread)


def refusal(error: K8sOpsError, program: str) -> Message:
    """What went wrong, and what to do; `program` is what commands are typed behind, as in `/k8s`."""
    hint = as_typed_here(error.hint, program)
    told = joined("\n", [escaped(f"⛔ {error.message}", 1500), prose(hint, 600)])
    blocks = [section(told)]
    if isinstance(error, MayNotActAsError):
        blocks.append(section(fenced(error.manifest.splitlines())))
    return message(Mrkdwn(told.partition("\n")[0]), blocks)


def defect_said(error: Exception) -> str:
    """What to say of an error that nobody foresaw: its kind alone, as nobody knows what its text holds."""
    return f"a defect of this program, {type(error).__name__}"
