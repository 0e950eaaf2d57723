"""News for whoever is not looking: the terminal's bell, and a desktop notification where the terminal makes one.

What is told once is not told again on the next screen: which requests are known is kept with the connection.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from textual.app import App

from k8sops.core.text import counted, printable

if TYPE_CHECKING:
    from k8sops.core.run import RunId, RunSummary

MOST_TOLD: Final = 160


class KnownRequests:
    """The requests that were in sight before, of each cluster."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[RunId]] = {}

    def new_among(self, cluster_uid: str, waiting: Sequence[RunSummary], me: str) -> tuple[RunSummary, ...]:
        """Those that came since the last look, without one's own; none of a cluster that is looked at first."""
        known = self._known.get(cluster_uid)
        self._known[cluster_uid] = frozenset(run.id for run in waiting)
        if known is None:
            return ()
        return tuple(run for run in waiting if run.id not in known and run.actor.name != me)


def ring(app: App[Any], new: Sequence[RunSummary]) -> None:
    """Ring once, and notify the desktop of what is new."""
    app.bell()
    driver = app._driver
    if driver is not None and not app.is_headless:
        driver.write(notification(told(new), os.environ))


def told(new: Sequence[RunSummary]) -> str:
    """Who asks for what, in a sentence."""
    if len(new) == 1:
        return f"{new[0].who} asks for {new[0].action}: {new[0].summary}"
    return f"{counted(len(new), 'new request')} to approve"


def notification(sentence: str, environ: Mapping[str, str]) -> str:
    """The sentence as OSC 9, handed through by tmux where that lets it; empty on a console, which would print it."""
    if environ.get("TERM") in {"linux", "dumb"}:
        return ""
    text = printable(sentence)
    text = text if len(text) <= MOST_TOLD else f"{text[: MOST_TOLD - 1]}…"
    # A number first would be another sequence: a progress bar.
    sequence = f"\x1b]9;k8sops: {text}\x07"
    if environ.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return sequence
