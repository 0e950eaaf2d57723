"""Which objects, as it is typed: the flags that backup and restore share, and what they come to.

Lists may be given several times or with commas, as Velero takes them. Kinds stay as they were typed: a backup resolves
them against the server, a restore against what the backup lists.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic import model_validator

from k8sops.actions.backups.filters import with_filters
from k8sops.backup.selection import ClusterScoped, Selection, make_selection
from k8sops.core.params import Params, PlainText, option

_COMMA_LISTS = ("include_namespaces", "exclude_namespaces", "include_kinds", "exclude_kinds")


class SelectingParams(Params):
    """A selection; each list may be given several times, or once with commas."""

    namespace: PlainText = option(
        "Only what is in this namespace, as --include-namespaces says of several.", default="", explicit=True
    )
    include_namespaces: tuple[PlainText, ...] = option(
        "Only what is in these namespaces; globs as in team-*.", metavar="NAMESPACE", default=()
    )
    exclude_namespaces: tuple[PlainText, ...] = option(
        "Nothing that is in these namespaces; globs as in team-*.", metavar="NAMESPACE", default=()
    )
    include_kinds: tuple[PlainText, ...] = option(
        "Only these kinds, as in deployments, deployments.apps or *.example.com.", metavar="KIND", default=()
    )
    exclude_kinds: tuple[PlainText, ...] = option("None of these kinds.", metavar="KIND", default=())
    selector: tuple[PlainText, ...] = option(
        "Objects by label, as in `app=web,tier in (a,b)`; given several times, one of them has to match.",
        short="l",
        metavar="SELECTOR",
        default=(),
    )
    cluster_scoped: ClusterScoped = option(
        "Objects in no namespace: all, none, or (auto) all where all namespaces are meant, else those that belong to "
        "the chosen ones.",
        default="auto",
    )
    filters: tuple[PlainText, ...] = option(
        "A file of reusable filters: a YAML mapping with the words of these flags, as in "
        "`exclude-namespaces: [team-*]`; it adds to them.",
        metavar="FILE",
        default=(),
    )

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        said = with_filters(given, [str(file) for file in _listed(given.get("filters"))])
        said.pop("filters", None)
        for field in _COMMA_LISTS:
            if field in said:
                parts = [part.strip() for text in _listed(said[field]) for part in str(text).split(",")]
                said[field] = tuple(part for part in parts if part)
        if "selector" in said:
            said["selector"] = tuple(_listed(said["selector"]))
        return said

    @model_validator(mode="after")
    def _can_be(self) -> SelectingParams:
        if self.namespace and self.include_namespaces:
            raise ValueError("give --namespace or --include-namespaces, one of the two")
        self.selection()
        return self

    def selection(self, *, ephemeral: Collection[str] = ()) -> Selection:
        """What is meant; `ephemeral` kinds are left out unless they are named. Raises UsageError."""
        return make_selection(
            include_namespaces=(self.namespace,) if self.namespace else self.include_namespaces,
            exclude_namespaces=self.exclude_namespaces,
            include_kinds=self.include_kinds,
            exclude_kinds=self.exclude_kinds,
            selectors=self.selector,
            cluster_scoped=self.cluster_scoped,
            ephemeral=ephemeral,
        )


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)
