"""Who asks: the identity a run, a vote and an audit record carry."""

from __future__ import annotations

from typing import Literal

import msgspec

Surface = Literal["cli", "tui", "slack", "schedule", "worker"]


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who the API server says the credentials belong to (SelfSubjectReview, authentication.k8s.io/v1)."""

    username: str
    groups: tuple[str, ...] = ()
    uid: str = ""


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """A person or service at a door, as the door knows them.

    `name` is the cluster username at CLI and TUI; `os_user` is recorded beside it and proves nothing.
    """

    name: str
    groups: tuple[str, ...] = ()
    surface: Surface = "cli"
    os_user: str = ""
    team: str = ""
    """The chat's enterprise or team id, where `name` is a user id of the chat; else empty."""
    auth: str = ""
    """How the name was established: `self_subject_review`, `slack`, `schedule`."""
