"""The lines above the table: which cluster, as whom, what is shown, and how far it can be believed.

Every state is said in words with a sign before it; colour only repeats it. Texts are built as Rich-free `Content`
without markup, for names come from outside.
"""

from __future__ import annotations

from datetime import datetime

from textual.content import Content
from textual.widgets import Static

from k8sops.core.actor import Identity
from k8sops.core.plan import ClusterInfo
from k8sops.core.tables import FeedState, TableQuery
from k8sops.core.text import printable
from k8sops.tui.durations import human_duration
from k8sops.tui.row_painter import fit

SEPARATOR = " · "
_NARROWEST_NAME = 16

FEED_SIGNS = {
    FeedState.LOADING: "~ loading",
    FeedState.LIVE: "✓ live",
    FeedState.STALE: "! STALE",
    FeedState.FAILED: "✗ FAILED",
}


class SaidLine(Static):
    """A line that is drawn again only when it says something else."""

    _said = ""

    def say(self, sentence: str) -> None:
        """Show a sentence, safe for a terminal and without markup."""
        if sentence != self._said:
            self._said = sentence
            self.update(Content(printable(sentence)), layout=False)


class ClusterLine(SaidLine):
    """Cluster, environment, namespace and identity, always in sight; production cannot be mistaken."""

    DEFAULT_CSS = """
    ClusterLine { height: 1; padding: 0 1; background: $panel; color: $foreground; text-style: bold; }
    ClusterLine.-production { background: $error-darken-2; color: white; }
    ClusterLine.-staging { background: $warning-darken-3; color: white; }
    """

    def tell(self, cluster: ClusterInfo | None, query: TableQuery, identity: str) -> None:
        """Say where we are."""
        namespace = query.namespace or "all namespaces"
        if cluster is None:
            self.say(SEPARATOR.join(("not connected", namespace)))
            return
        is_production = cluster.environment.lower() in {"production", "prod"}
        self.set_class(is_production, "-production")
        self.set_class(cluster.environment.lower() == "staging", "-staging")
        environment = f"!! {cluster.environment.upper()} !!" if is_production else cluster.environment
        rest = SEPARATOR.join(("", environment, namespace, identity))
        name = printable(cluster.name or cluster.context)
        # Cloud providers name a context by its whole resource path; the identity must stay in sight.
        room = max(_NARROWEST_NAME, self.size.width - 2 - len(rest))
        self.say((fit(name, room, middle=True) if len(name) > room else name) + rest)


class TableLine(SaidLine):
    """Kind, number of rows, order, filter, and the state of the feed with since when."""

    DEFAULT_CSS = """
    TableLine { height: 1; padding: 0 1; background: $surface; color: $text-muted; }
    TableLine.-live { color: $text-success; }
    TableLine.-stale, TableLine.-failed { color: $text-warning; text-style: bold; }
    """

    def tell(self, kind: str, counts: str, state: FeedState, since: str, extras: list[str]) -> None:
        """Say what is shown."""
        for each in FeedState:
            self.set_class(each is state, f"-{each.value}")
        sign = FEED_SIGNS[state] + (f" {since}" if since else "")
        self.say(SEPARATOR.join((kind, counts, sign, *extras)))


class Banner(Static):
    """A sentence that must be read: trouble, or why a command was not taken; hidden while there is none."""

    DEFAULT_CSS = """
    Banner { height: auto; max-height: 4; padding: 0 1; display: none; }
    Banner { background: $warning-muted; color: $text-warning; text-style: bold; }
    Banner.-said { display: block; }
    """

    _said = ""

    def say(self, sentence: str) -> None:
        """Show a sentence of any length, or nothing."""
        if sentence != self._said:
            self._said = sentence
            self.set_class(bool(sentence), "-said")
            self.update(Content(printable(sentence)))


def identity_text(identity: Identity | None) -> str:
    """Who we are, as the header says it."""
    return identity.username if identity is not None else "unknown identity"


def clock_text(moment: datetime) -> str:
    """A time of day."""
    return f"{moment:%H:%M:%S} UTC"


def since_text(since: datetime, now: datetime) -> str:
    """A time of day and how long ago that is."""
    return f"{clock_text(since)} ({ago_text(since, now)})"


def ago_text(since: datetime, now: datetime) -> str:
    """How long ago, never negative: clocks of client and server differ."""
    return human_duration(max(0.0, (now - since).total_seconds()))


def count_text(shown: int, total: int, *, filtered: bool, loading: bool) -> str:
    """`12 of 10,000 rows`, with `so far` until all have arrived."""
    count = f"{shown:,} of {total:,}" if filtered else f"{total:,}"
    noun = "row" if total == 1 else "rows"
    return f"{count} {noun} so far" if loading and total else f"{count} {noun}"
