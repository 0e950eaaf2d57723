"""Slack's markup as a reader sees it: mentions by name, links with their address, dates in the reader's own time."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta, timezone

from k8sops_local_slack.workspace import User, Workspace

TAG = re.compile(r"<([^<>]+)>")
DATE_WORD = re.compile(r"\{(\w+)\}")


def read_marks(workspace: Workspace, reader: User, text: str) -> str:
    """Turn `mrkdwn` into what this reader sees; everything else stays as it was written."""
    pieces, end = [], 0
    for tag in TAG.finditer(text):
        pieces += [html_free(text[end : tag.start()]), _tag(workspace, reader, tag.group(1))]
        end = tag.end()
    return "".join([*pieces, html_free(text[end:])])


def html_free(text: str) -> str:
    """Undo the three escapes Slack knows."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _tag(workspace: Workspace, reader: User, tag: str) -> str:
    body, _, label = tag.partition("|")
    label = html.unescape(label)
    if body.startswith("@"):
        user = workspace.users.get(body[1:])
        return f"@{user.name}" if user else f"@{label or body[1:]}"
    if body.startswith("#"):
        channel = workspace.channels.get(body[1:])
        return f"#{channel.name}" if channel else f"#{label or body[1:]}"
    if body.startswith("!subteam^"):
        group = workspace.usergroups.get(body.removeprefix("!subteam^"))
        return f"@{group.handle}" if group else label
    if body.startswith("!date^"):
        return _date(body.split("^")[1:], label, reader)
    if body.startswith("!"):
        return f"@{body[1:]}"
    address = body.removeprefix("mailto:")
    return f"{label} ({address})" if label and label != address else address


def _date(parts: list[str], fallback: str, reader: User) -> str:
    if len(parts) < 2 or not parts[0].isdigit():
        return fallback
    moment = datetime.fromtimestamp(int(parts[0]), UTC).astimezone(
        timezone(timedelta(seconds=reader.tz_offset))
    )
    formats = {
        "date_num": "%Y-%m-%d",
        "date_slash": "%Y/%m/%d",
        "date": "%B %d, %Y",
        "date_short": "%b %d, %Y",
        "date_long": "%A, %B %d, %Y",
        "time": "%H:%M",
        "time_secs": "%H:%M:%S",
        "ago": "%Y-%m-%d %H:%M",
    }

    def word(match: re.Match[str]) -> str:
        pattern = formats.get(match.group(1).removesuffix("_pretty"))
        return moment.strftime(pattern) if pattern else match.group(0)

    return DATE_WORD.sub(word, parts[1])
