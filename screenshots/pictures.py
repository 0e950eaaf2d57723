"""What is photographed: one entry per picture. A new screen's picture is a new entry here, and its use in a page.

A step is keys as Textual names them, separated by spaces; or `:command` or `/filter`, typed and entered; or `~words`,
a regular expression, which waits until the screen shows it.
"""

from __future__ import annotations

from typing import Final

import msgspec

LARGE: Final = (120, 40)
HERO: Final = (120, 32)
WIDE: Final = (120, 28)
SMALL: Final = (80, 24)


class Picture(msgspec.Struct, frozen=True):
    """One picture, in two files of its name."""

    name: str
    alt: str
    """What somebody is told who cannot see it."""
    steps: tuple[str, ...]
    """From the table of all pods."""
    shows: tuple[str, ...]
    """Regular expressions that must match; the first is one plain word, which is looked for in the PNG, too."""
    size: tuple[int, int] = LARGE
    person: str = "alice"
    """Whose screen it is; empty for the administrator's."""
    others: tuple[str, ...] = ()
    """Whose contexts there are besides."""


CHECKOUT: Final = (":pods shop", "~checkout", "/checkout")
PICTURES: Final = (
    Picture(
        "drain",
        "What a drain of node-4 does, before it does it",
        (":nodes", "~node-4", "j j j", "r", "~needs --ignore", "space", "down", "space"),
        ("node-4", r"\[x\] --surge", "Fits"),
        HERO,
    ),
    Picture(
        "drain-80x24",
        "What blocks a drain of node-3, at 80×24",
        (":nodes", "~node-4", "j j", "r"),
        ("node-3", "Blocked"),
        SMALL,
    ),
    Picture(
        "overview",
        "The cluster at a glance",
        (":overview",),
        ("control", r"[1-9]\d* warnings", "checkout"),
        WIDE,
    ),
    Picture(
        "why", "Why checkout is down", (":overview", "~as of", "j j", "enter"), ("checkout", "budget"), WIDE
    ),
    Picture(
        "pods", "All pods; trouble is told by glyph, word and colour", (), ("NAMESPACE", "forecast", r"\d+Mi")
    ),
    Picture("pods-80x24", "The same at 80×24", (), ("NAMESPACE", "forecast", "AGE"), SMALL),
    Picture("nodes", "Nodes, with what is used and asked of them", (":nodes",), ("node-4", r"\d%"), WIDE),
    Picture("containers", "The containers of a pod", (*CHECKOUT, "enter"), ("checkout", r"\dMi"), WIDE),
    Picture("describe", "A pod described, with its events", (*CHECKOUT, "d"), ("checkout", "Containers")),
    Picture("yaml", "A pod as YAML", (*CHECKOUT, "y"), ("apiVersion",)),
    Picture(
        "logs",
        "A crash-looping pod: its last attempt, and how it ended",
        (*CHECKOUT, "p", "~all of it", "t", "w"),
        ("checkout", "PREVIOUS"),
        WIDE,
    ),
    Picture("helm", "Helm releases, one of which failed", (":helm",), ("grafana", "failed"), WIDE),
    Picture(
        "actions",
        "What can be done to a deployment",
        (":deploy shop", "~web", "/web", "a"),
        ("Restart",),
        WIDE,
    ),
    Picture(
        "scale",
        "A plan that follows the value typed",
        (":deploy shop", "~web", "/web", "s", "~replicas", "5"),
        ("replicas", "Safe"),
        WIDE,
    ),
    Picture("runs", "What was done, by whom", (":runs",), ("rollback",), WIDE),
    Picture(
        "run",
        "A run that failed, step by step",
        (":runs", "~rollback", "j j j", "enter"),
        ("gateway", "LOG"),
        WIDE,
    ),
    Picture("approvals", "What waits for a yes", (":approvals",), ("rollback", "checkout"), WIDE),
    Picture(
        "approval",
        "A plan to approve or deny",
        (":approvals", "~rollback", "enter"),
        ("checkout", "as planned"),
        WIDE,
    ),
    Picture("schedules", "What runs when, and how it went last", (":schedules",), ("nightly-backup",), WIDE),
    Picture("backups", "Backups, and how old the newest may be", (":backups",), ("nightly",), WIDE),
    Picture(
        "backup", "What is in a backup", (":backups", "~nightly", "enter"), ("acme", "deployments"), WIDE
    ),
    Picture(
        "backup-diff",
        "What has changed since the first of three backups",
        (":backups", "~nightly", "j j", "d", "~[1-9]\\d* differences", "/apps"),
        ("against", "differences", "grafana"),
        WIDE,
    ),
    Picture("audit", "Who did what, and who was refused", (":audit", "/run"), ("alice",), WIDE),
    Picture("policy", "Who may do what, and why", (":policy",), ("disruptive", "edit"), WIDE),
    Picture("settings", "What is in force, and where it comes from", (":settings",), ("policy",), WIDE),
    Picture(
        "contexts", "Contexts to choose from", (":ctx",), ("k8sops-demo",), SMALL, others=("bob", "carol")
    ),
    Picture("help", "The keys of the screen in sight", ("question_mark",), ("Describe",)),
)
