"""Which objects are meant, of a cluster or of a backup: namespaces, kinds, labels, and what is in no namespace.

As Velero selects (velero.io/docs, Resource filtering): globs for namespaces, the cluster-scoped objects of all of a
cluster or only those that belong to chosen namespaces, and a label that keeps an object out. Pure: it judges names and
labels; what belongs to a chosen namespace by reference (a claim's volume) is for whoever reads the objects.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from fnmatch import translate
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

from k8sops.backup.canonical import canonical
from k8sops.backup.label_selector import LabelSelector, answers, parse_selector
from k8sops.core.errors import UsageError

ClusterScoped = Literal["auto", "yes", "no"]

EXCLUDE_LABELS: Final = ("k8sops.dev/exclude-from-backup", "velero.io/exclude-from-backup")
"""An object with one of these at `true` is never taken."""

NAMESPACES: Final = ("", "namespaces")
_GLOB: Final = re.compile(r"[a-z0-9*?\[\]!^.-]{1,253}")
_KIND: Final = re.compile(r"[A-Za-z0-9*?.-]{1,317}")


class KindNames(msgspec.Struct, frozen=True):
    """A kind by every name it may be called: a resource of a server, or a kind as a backup lists it."""

    group: str
    resource: str
    kind: str = ""
    namespaced: bool = True
    others: tuple[str, ...] = ()
    """Its singular and short names, where they are known."""

    @property
    def key(self) -> tuple[str, str]:
        """Group and resource: what tells kinds apart."""
        return self.group, self.resource

    @property
    def qualified(self) -> str:
        """`deployments.apps`; the bare plural in the core group."""
        return f"{self.resource}.{self.group}" if self.group else self.resource

    def called(self, text: str) -> bool:
        """Whether a text means it: a plural, kind, singular or short name, with `.group` or without; globs may stand.

        A name without a group means it in whatever group; `pods.` means that of the core group.
        """
        text = text.lower()
        if any(mark in text for mark in "*?"):
            return _glob(text).match(self.qualified) is not None
        name, dot, group = text.partition(".")
        return (not dot or group == self.group) and name in {
            self.resource,
            self.kind.lower(),
            *(other.lower() for other in self.others),
        } - {""}


class Selection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which objects are meant. Empty `include_…` mean all; of several `selectors` one has to match.

    `ephemeral` are kinds that are left out unless `include_kinds` names them. Raises UsageError for what cannot be.
    """

    include_namespaces: tuple[str, ...] = ()
    exclude_namespaces: tuple[str, ...] = ()
    include_kinds: tuple[str, ...] = ()
    exclude_kinds: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    cluster_scoped: ClusterScoped = "auto"
    ephemeral: tuple[str, ...] = ()
    imported: str = ""
    """Of which program the backup was taken over, which is then all that is known of what was selected."""

    def __post_init__(self) -> None:
        for pattern in (*self.include_namespaces, *self.exclude_namespaces):
            if _GLOB.fullmatch(pattern) is None:
                raise UsageError(
                    f"{pattern[:80]!r} is no namespace and no glob of any",
                    hint="globs are written with * ? and [abc], as in team-*",
                )
        for kind in (*self.include_kinds, *self.exclude_kinds, *self.ephemeral):
            if _KIND.fullmatch(kind) is None:
                raise UsageError(
                    f"{kind[:80]!r} names no kind",
                    hint="name it as in deployments, deployments.apps or *.apps",
                )
        for text in self.selectors:
            if not _parsed(text):
                raise UsageError("an empty selector selects nothing: leave it out")

    @property
    def all_namespaces(self) -> bool:
        """Whether no namespace is left out."""
        return not self.exclude_namespaces and set(self.include_namespaces) <= {"*"}

    @property
    def everything(self) -> bool:
        """Whether nothing is left out but ephemeral kinds and what the exclude label keeps out."""
        return (
            self.all_namespaces
            and not (self.include_kinds or self.exclude_kinds or self.selectors)
            and self.cluster_scoped != "no"
        )

    @property
    def plain_namespaces(self) -> tuple[str, ...] | None:
        """The included namespaces where each is named in full, sorted; None where globs or all are meant."""
        included = self.include_namespaces
        if not included or any(mark in name for name in included for mark in "*?["):
            return None
        return tuple(sorted({name for name in included if self.takes_namespace(name)}))

    def takes_namespace(self, name: str) -> bool:
        """Whether what is in a namespace is meant."""
        included, excluded = self.include_namespaces, self.exclude_namespaces
        return (not included or _any_glob(included, name)) and not _any_glob(excluded, name)

    def takes_kind(self, kind: KindNames) -> bool:
        """Whether a kind is meant, by its name alone."""
        if any(kind.called(text) for text in self.exclude_kinds):
            return False
        if self.include_kinds:
            named = any(kind.called(text) for text in self.include_kinds)
            return named and not (self._only_globs(kind) and self.leaves_out(kind))
        return not self.leaves_out(kind)

    def leaves_out(self, kind: KindNames) -> bool:
        """Whether a kind is one of those that are left out unless they are named."""
        return any(kind.called(text) for text in self.ephemeral)

    def takes_labels(self, labels: Mapping[str, str]) -> bool:
        """Whether labels are such as are meant, and none of them keeps the object out."""
        return not excluded_by_label(labels) and (
            not self.selectors or any(answers(_parsed(text), labels) for text in self.selectors)
        )

    def takes_scope(self, kind: KindNames, namespace: str, name: str) -> bool:
        """Whether an object is meant by where it is: in which namespace, or in none.

        A Namespace goes with what is in it. With chosen namespaces and `auto`, nothing else that is in none is taken
        for itself, only by what refers to it.
        """
        if kind.namespaced:
            return self.takes_namespace(namespace)
        if kind.key == NAMESPACES:
            return self.takes_namespace(name)
        return self.takes_cluster_scoped

    @property
    def takes_cluster_scoped(self) -> bool:
        """Whether objects in no namespace are taken for themselves (Namespaces apart)."""
        return self.cluster_scoped == "yes" or (self.cluster_scoped == "auto" and self.all_namespaces)

    @property
    def takes_related(self) -> bool:
        """Whether of the objects in no namespace those are taken that belong to what is taken in namespaces."""
        return self.cluster_scoped == "auto" and not self.all_namespaces

    def matches(self, kind: KindNames, namespace: str, name: str, labels: Mapping[str, str]) -> bool:
        """Whether an object is meant."""
        return self.takes_kind(kind) and self.takes_scope(kind, namespace, name) and self.takes_labels(labels)

    def _only_globs(self, kind: KindNames) -> bool:
        return not any(
            kind.called(text) for text in self.include_kinds if not any(mark in text for mark in "*?")
        )


def excluded_by_label(labels: Mapping[str, str]) -> bool:
    """Whether a label keeps the object out of every backup."""
    ours, velero = EXCLUDE_LABELS
    return labels.get(ours) == "true" or labels.get(velero) == "true"


def make_selection(
    *,
    include_namespaces: Collection[str] = (),
    exclude_namespaces: Collection[str] = (),
    include_kinds: Collection[str] = (),
    exclude_kinds: Collection[str] = (),
    selectors: Collection[str] = (),
    cluster_scoped: ClusterScoped = "auto",
    ephemeral: Collection[str] = (),
) -> Selection:
    """A selection in its one form, so that the same choice is the same JSON: sorted, nothing twice, `*` left out."""
    included = sorted(set(include_namespaces))
    return Selection(
        include_namespaces=() if "*" in included else tuple(included),
        exclude_namespaces=tuple(sorted(set(exclude_namespaces))),
        include_kinds=tuple(sorted({kind.lower() for kind in include_kinds})),
        exclude_kinds=tuple(sorted({kind.lower() for kind in exclude_kinds})),
        selectors=tuple(sorted({text.strip() for text in selectors})),
        cluster_scoped=cluster_scoped,
        ephemeral=tuple(sorted(set(ephemeral))),
    )


def selection_json(selection: Selection) -> dict[str, Any]:
    """As a manifest has it: only what differs from taking everything."""
    told: dict[str, Any] = msgspec.to_builtins(selection)
    return told


def choice_key(told: Mapping[str, Any]) -> bytes:
    """By which two backups are of the same selection: what a person chose, as a manifest has it.

    Which kinds are ephemeral is the program's word, and may be another in its next version.
    """
    return canonical({key: value for key, value in told.items() if key != "ephemeral"})


def read_selection(told: Mapping[str, Any]) -> Selection:
    """A selection as a manifest has it. Raises UsageError for one of a version that is not known here."""
    try:
        return msgspec.convert(told, Selection)
    except msgspec.ValidationError as error:
        raise UsageError(f"what the backup selected cannot be read: {error}") from error


def selection_text(selection: Selection) -> str:
    """For people: `everything`, or `namespaces shop, team-*; without secrets; labels app=web`."""
    if selection.imported:
        return f"as {selection.imported} had it"
    if selection.everything:
        return "everything"
    parts: list[str] = []
    _say(parts, "namespaces", selection.include_namespaces)
    _say(parts, "without namespaces", selection.exclude_namespaces)
    _say(parts, "kinds", selection.include_kinds)
    _say(parts, "without", selection.exclude_kinds)
    _say(parts, "labels", selection.selectors, " or ")
    if selection.cluster_scoped != "auto":
        parts.append(f"{'with' if selection.cluster_scoped == 'yes' else 'without'} cluster-scoped objects")
    return "; ".join(parts)


def _say(parts: list[str], word: str, values: Sequence[str], between: str = ", ") -> None:
    if values:
        parts.append(f"{word} {between.join(values)}")


def _any_glob(patterns: Sequence[str], name: str) -> bool:
    return any(_glob(pattern).match(name) is not None for pattern in patterns)


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))


@lru_cache(maxsize=256)
def _parsed(text: str) -> LabelSelector:
    return parse_selector(text)
