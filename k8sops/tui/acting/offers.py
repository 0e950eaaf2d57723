"""Which actions a kind of row has, and by which key: k9s's keys where k9s has one.

Only what fits the kind is listed here; what an action does, asks and may is the registry's, the policy's and the
cluster's. A key that a kind has no action for is left to the screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec

from k8sops.core.tables import Row

DELETE_KEYS: Final = "ctrl+d"


class Offer(msgspec.Struct, frozen=True):
    """An action of a kind, its key, and the word the menu has for it."""

    action: str
    label: str
    key: str = ""


class Doing(msgspec.Struct, frozen=True, kw_only=True):
    """An action and what it is about: the Params that are settled, and what the form calls it."""

    action: str
    params: Mapping[str, Any]
    title: str
    reason: str = ""
    """Recorded with the run, unless another is typed."""


_LABELS: Final = (Offer("label", "Set labels"), Offer("annotate", "Set annotations"))
EDIT: Final = Offer("edit", "Edit", "e")
_DELETE: Final = Offer("delete", "Delete", DELETE_KEYS)
_ROLLOUT: Final = (
    Offer("restart", "Restart", "r"),
    Offer("set-image", "Set image", "i"),
    Offer("rollback", "Roll back"),
)
_SESSIONS: Final = (
    Offer("session.attach", "Attach"),
    Offer("session.exec", "Shell", "s"),
    Offer("session.debug", "Debug container", "D"),
    Offer("session.port_forward", "Forward a port", "F"),
    Offer("session.copy", "Copy files", "t"),
)
"""No actions: they have no plan, and begin at once (`tui.sessions`)."""
SESSION_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "session.attach": "What its container says, and hears",
        "session.exec": "Commands in its container, on the bare terminal",
        "session.debug": "A container with tools beside its own, on the bare terminal",
        "session.port_forward": "A port of this machine that leads to one of its own",
        "session.copy": "Out of its container, or into it",
    }
)
_ANY: Final = (EDIT, *_LABELS, _DELETE)
_COLLECT: Final = Offer("logs", "Collect logs")
_SUSPEND: Final = Offer("suspend", "Suspend", "s")
_RESUME: Final = Offer("resume", "Resume", "s")

_OFFERS: Final[Mapping[str, tuple[Offer, ...]]] = MappingProxyType(
    {
        "nodes": (
            Offer("cordon", "Cordon", "c"),
            Offer("uncordon", "Uncordon", "u"),
            Offer("drain", "Drain", "r"),
            Offer("taint", "Set taints"),
            _COLLECT,
            *_ANY,
        ),
        "deployments": (
            Offer("scale", "Scale", "s"),
            *_ROLLOUT,
            Offer("rollout-pause", "Pause rollouts"),
            Offer("rollout-resume", "Resume rollouts"),
            _COLLECT,
            *_ANY,
        ),
        "statefulsets": (Offer("scale", "Scale", "s"), *_ROLLOUT, _COLLECT, *_ANY),
        "daemonsets": (*_ROLLOUT, _COLLECT, *_ANY),
        "replicasets": (Offer("scale", "Scale", "s"), _COLLECT, *_ANY),
        "jobs": (_COLLECT, *_ANY),
        "namespaces": (_COLLECT, *_ANY),
        "pods": (
            *_SESSIONS,
            _COLLECT,
            Offer("evict", "Evict"),
            EDIT,
            *_LABELS,
            Offer("delete", "Delete", f"{DELETE_KEYS},ctrl+k"),
        ),
        "cronjobs": (Offer("trigger", "Run once, now", "t"), _SUSPEND, _COLLECT, *_ANY),
    }
)

_SPELLINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        spelling: plural
        for plural, short in {
            "nodes": "no",
            "deployments": "deploy dp",
            "statefulsets": "sts",
            "daemonsets": "ds",
            "replicasets": "rs",
            "pods": "po",
            "cronjobs": "cj",
            "jobs": "",
            "namespaces": "ns",
        }.items()
        for spelling in (plural, plural.removesuffix("s"), *short.split())
    }
)
_GROUPS: Final = frozenset({"", "apps", "batch"})


def known_kind(kind: str) -> str:
    """The plural of a kind that has actions of its own, however it was typed; any other as it was typed."""
    name, _, group = kind.lower().partition(".")
    group = group.removeprefix("v1.") if group != "v1" else ""
    return _SPELLINGS.get(name, kind) if group in _GROUPS else kind


def offers_for(kind: str, rows: Sequence[Row] = ()) -> tuple[Offer, ...]:
    """The actions of a kind, those with keys first; of a CronJob that is suspended `s` is the way back."""
    found = _OFFERS.get(known_kind(kind), _ANY)
    if _SUSPEND in found and rows and all("True" in row.cells for row in rows):
        return tuple(_RESUME if offer is _SUSPEND else offer for offer in found)
    return found


def offer_by_key(kind: str, key: str, rows: Sequence[Row] = ()) -> Offer | None:
    """The action behind a key on rows of a kind."""
    return next((offer for offer in offers_for(kind, rows) if key in offer.key.split(",")), None)
