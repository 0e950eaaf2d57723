"""What a restore is asked to do: which backup, which of its objects, where to, and what becomes of those in the way."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from pydantic import field_validator, model_validator

from k8sops.actions.backups.selecting import SelectingParams
from k8sops.core.params import PlainText, Seconds, option, positional

Existing = Literal["skip", "update", "recreate"]
Kept = Literal["keep", "release"]

_LABEL: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")


class RestoreParams(SelectingParams):
    """A backup, a choice of its objects, and how they are put back."""

    backup: PlainText = positional(
        "Which backup: latest, its number, or what its id begins with.", metavar="BACKUP", min_length=1
    )
    repo: PlainText = option(
        "The repository, by its name in the configuration or its URL; the default one where not given.",
        metavar="REPOSITORY",
        default="",
    )
    from_cluster: PlainText = option(
        "Of which cluster, by uid or name, where the backup is not of the one it is restored to.",
        metavar="CLUSTER",
        default="",
    )
    object: tuple[PlainText, ...] = option(
        "Only this object, as KIND/NAME; may be given several times.", metavar="KIND/NAME", default=()
    )
    namespace_mapping: tuple[PlainText, ...] = option(
        "Put what was in one namespace into another, as FROM:TO.", metavar="FROM:TO", default=()
    )
    existing: Existing = option(
        "Objects that are there and differ: skip them, update them (server-side apply), or delete and recreate them.",
        default="skip",
    )
    force_conflicts: bool = option(
        "With --existing update: take over fields that somebody else has set.", default=False
    )
    status: tuple[PlainText, ...] = option(
        "Kinds whose status is restored too, as in `orders.example.com`.", metavar="KIND", default=()
    )
    node_ports: Kept = option(
        "Whether Services keep the node ports they had, or are given new ones.", default="keep"
    )
    cluster_ips: Kept = option(
        "Whether Services keep the cluster IPs they had, or are given new ones.", default="release"
    )
    allow_partial: bool = option(
        "Go on although some objects cannot be restored; the run then fails, naming them.", default=False
    )
    allow_incomplete: bool = option("Restore a backup that lacks what could not be read.", default=False)
    timeout: Seconds = option(
        "The longest wait for what others have to do: a kind to be served, a webhook to answer, an object to be gone.",
        metavar="DURATION",
        default=120,
        ge=1,
        le=86_400,
    )

    @field_validator("object", "namespace_mapping", "status", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        given = [value] if isinstance(value, str) else list(value or ())
        return tuple(part.strip() for text in given for part in str(text).split(",") if part.strip())

    @model_validator(mode="after")
    def _makes_sense(self) -> RestoreParams:
        for text in self.object:
            kind, slash, name = text.partition("/")
            if not (kind and slash and name) or "/" in name:
                raise ValueError(f"--object {text!r} names no object: write KIND/NAME, as in deployment/web")
        if self.object and (self.include_kinds or self.exclude_kinds or self.selector):
            raise ValueError("--object names its objects itself: leave out --…-kinds and --selector")
        if self.force_conflicts and self.existing != "update":
            raise ValueError("--force-conflicts says something with --existing update only")
        mapping = self.mapping
        if len(mapping) != len(self.namespace_mapping):
            raise ValueError("--namespace-mapping takes each namespace to one other")
        if len(set(mapping.values())) != len(mapping):
            raise ValueError("--namespace-mapping takes two namespaces to the same one")
        for name in (*mapping, *mapping.values()):
            if not _LABEL.fullmatch(name):
                raise ValueError(f"--namespace-mapping: {name[:80]!r} is no namespace; write FROM:TO")
        return self

    @property
    def mapping(self) -> dict[str, str]:
        """From which namespace to which, where it changes."""
        pairs = (text.partition(":") for text in self.namespace_mapping)
        return {old.strip(): new.strip() for old, _, new in pairs}
