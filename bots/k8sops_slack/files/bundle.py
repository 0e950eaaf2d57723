"""What is said with a log bundle, in its place where it is not sent, and to others once it was."""

from __future__ import annotations

from k8sops.core.artifacts import Artifact
from k8sops.core.run import Run
from k8sops.core.sizes import size_text
from k8sops_slack.blocks.building import section
from k8sops_slack.blocks.markup import Mrkdwn, escaped, joined, prose, user, written
from k8sops_slack.blocks.sending import Message, message
from k8sops_slack.cards.words import subject


def bundle_message(run: Run, artifact: Artifact, size: int) -> Message:
    """With the file: of what it is, how large, and that secrets were taken out."""
    about = joined(" ", [written("Log bundle of"), Mrkdwn(f"{escaped(subject(run), 160)}:")])
    told = (
        f"{size_text(size)}, secrets taken out; `index.json` in it lists what it holds and what is missing."
    )
    parts = (
        written("Its parts belong together: `cat` joins them.") if len(artifact.files) > 1 else written("")
    )
    return message(joined(" ", [about, written(told), parts]))


def not_sent(run: Run, why: str, hint: str) -> Message:
    """Where the file would be: why it is not, where it lies, and how to get it."""
    about = joined(
        " ", [written("The log bundle of"), escaped(subject(run), 160), written("is not sent here:")]
    )
    lines = [joined(" ", [about, escaped(f"{why}.", 1200)])]
    if hint:
        lines.append(prose(f"{hint[0].upper()}{hint[1:]}.", 600))
    return message(lines[0], [section(joined("\n", lines))])


def sent_message(to: str) -> Message:
    """In a thread that others read: that it was sent, and to whom."""
    said = joined(" ", [written("The log bundle was sent to"), user(to), written("directly.")])
    return message(said, [section(said)])
