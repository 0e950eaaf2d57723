"""What the dispatcher must know of a method before it calls it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from k8sops_local_slack.refusals import Refusal
from k8sops_local_slack.web.arguments import Arguments
from k8sops_local_slack.web.tiers import Tier
from k8sops_local_slack.world import World

Answer = dict[str, Any]


@dataclass(frozen=True)
class Method:
    """One method: its name, its rate limit, what it needs and how its arguments may come."""

    name: str
    run: Callable[[World, Arguments], Answer]
    tier: Tier
    scopes: tuple[str, ...] = ()
    by: Literal["bot", "app"] = "bot"
    json: bool = False


def page(items: list[Any], arguments: Arguments, default: int = 100) -> tuple[list[Any], Answer]:
    """Cut one page out of a list; gives it and the answer's metadata with the cursor to the next.

    A cursor means something to Slack alone; what was not given out as one is refused.
    """
    start = _position(arguments.maybe("cursor"))
    limit = max(1, min(1000, arguments.number("limit", default)))
    more = start + limit < len(items)
    return items[start : start + limit], {"next_cursor": _cursor(start + limit) if more else ""}


def _cursor(position: int) -> str:
    return b64encode(f"next:{position}".encode()).decode()


def _position(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        return int(b64decode(cursor, validate=True).decode().removeprefix("next:"))
    except ValueError:
        raise Refusal("invalid_cursor") from None
