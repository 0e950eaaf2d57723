"""Kubeconfig files: read, merged as kubectl merges them, and checked before anything is used.

The first file that sets an entry or the current context wins, and relative paths are relative to the file they
stand in (Kubernetes docs, "Organizing Cluster Access Using kubeconfig Files"). The `kubernetes` package's own
merger lets the last current context win, which would point at another cluster than kubectl does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import yaml

from k8sops.cluster.one_line import one_line
from k8sops.core.errors import UnknownContextError, UsageError

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
T = TypeVar("T")


class ClusterEntry(msgspec.Struct, frozen=True, rename="kebab"):
    """`clusters[].cluster` of a kubeconfig."""

    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    extensions: tuple[dict[str, Any], ...] = ()


class ContextEntry(msgspec.Struct, frozen=True):
    """`contexts[].context` of a kubeconfig."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """A context with the cluster and user it names, and the folders their relative paths start from."""

    name: str
    context: ContextEntry
    cluster: ClusterEntry
    cluster_folder: Path
    user: Mapping[str, Any]
    user_folder: Path


class _Named(msgspec.Struct, frozen=True):
    body: Mapping[str, Any]
    path: Path


class Kubeconfig(msgspec.Struct, frozen=True, kw_only=True):
    """Several files as one."""

    paths: tuple[Path, ...]
    current_context: str
    clusters: Mapping[str, _Named]
    contexts: Mapping[str, _Named]
    users: Mapping[str, _Named]

    def choose(self, context: str | None) -> Chosen:
        """The context by name, the current one for None. Raises UnknownContextError, UsageError."""
        name = context or self.current_context
        if not name:
            raise UsageError(
                f"{self._where}: no current context is set",
                hint=f"name one with --context: {_listed(self.contexts)}",
            )
        if name not in self.contexts:
            raise UnknownContextError(
                f"there is no context {name!r} in {self._where}",
                hint=f"contexts there: {_listed(self.contexts)}",
            )
        found = self.contexts[name]
        entry = _converted(found, ContextEntry, f"context {name!r}")
        if entry.cluster not in self.clusters:
            raise UsageError(
                f"{found.path}: context {name!r} names cluster {entry.cluster!r}, which is not defined"
            )
        if entry.user and entry.user not in self.users:
            raise UsageError(
                f"{found.path}: context {name!r} names user {entry.user!r}, which is not defined"
            )
        cluster = self.clusters[entry.cluster]
        user = self.users.get(entry.user, _Named({}, cluster.path))
        return Chosen(
            name=name,
            context=entry,
            cluster=_converted(cluster, ClusterEntry, f"cluster {entry.cluster!r}"),
            cluster_folder=cluster.path.parent.absolute(),
            user=user.body,
            user_folder=user.path.parent.absolute(),
        )

    @property
    def _where(self) -> str:
        return ", ".join(str(path) for path in self.paths)


def default_paths(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The files kubectl would read: KUBECONFIG's that exist, else ~/.kube/config if it does."""
    listed = [Path(part).expanduser() for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return tuple(path for path in listed or [Path.home() / ".kube" / "config"] if path.exists())


def read_kubeconfig(paths: Sequence[Path]) -> Kubeconfig:
    """Read and merge; blocking. Raises UsageError where a file cannot be read or is not a kubeconfig."""
    current = ""
    merged: dict[str, dict[str, _Named]] = {"clusters": {}, "contexts": {}, "users": {}}
    for path in paths:
        document = _document(path)
        current = current or str(document.get("current-context") or "")
        for section, entries in merged.items():
            for name, body in _entries(document.get(section), section, path):
                entries.setdefault(name, _Named(body, path))
    return Kubeconfig(paths=tuple(paths), current_context=current, **merged)


def _document(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            document = yaml.load(file, Loader=_LOADER)  # noqa: S506 - one of the two safe loaders
    except OSError as error:
        raise UsageError(
            f"kubeconfig {path} cannot be read: {error.strerror}", hint="check --kubeconfig or KUBECONFIG"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        # The parser's own text quotes the file, which may hold tokens: only the place is told.
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise UsageError(f"kubeconfig {path} is not valid YAML{line}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UsageError(f"kubeconfig {path} is not a mapping of clusters, contexts and users")
    return document


def _entries(section: Any, name: str, path: Path) -> Iterable[tuple[str, Mapping[str, Any]]]:
    if section is None:
        return
    if not isinstance(section, list):
        raise UsageError(f"kubeconfig {path}: {name} is not a list")
    for entry in section:
        if not isinstance(entry, dict) or "name" not in entry:
            raise UsageError(f"kubeconfig {path}: an entry of {name} has no name")
        body = entry.get(name.removesuffix("s"))
        if body is not None and not isinstance(body, dict):
            raise UsageError(
                f"kubeconfig {path}: {name} entry {one_line(str(entry['name']))!r} is not a mapping"
            )
        yield str(entry["name"]), body or {}


def _converted(named: _Named, kind: type[T], what: str) -> T:
    given = {key: value for key, value in named.body.items() if value is not None}
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"kubeconfig {named.path}: {what}: {error}") from error


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(one_line(name) for name in names)) or "none"
