"""What is typed after `:`, turned into something to do: `:deploy shop -l tier=db /web`, `:nodes`, `:ctx`, `:q`.

The grammar is k9s's (kind, then namespace, `/filter`, labels and `@context` in any order), with kubectl's flags
beside it, since both are in the hands.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from k8sops.core.errors import UsageError
from k8sops.core.tables import TableQuery
from k8sops.tui.places import Place
from k8sops.tui.screens import SCREENS

KIND_SUGGESTIONS = (
    *(
        "pods",
        "deployments",
        "statefulsets",
        "daemonsets",
        "replicasets",
        "jobs",
        "cronjobs",
        "nodes",
        "services",
    ),
    *(
        "ingresses",
        "configmaps",
        "secrets",
        "persistentvolumeclaims",
        "persistentvolumes",
        "namespaces",
        "events",
    ),
    *("poddisruptionbudgets", "horizontalpodautoscalers", "networkpolicies", "serviceaccounts", "roles"),
    *("rolebindings", "clusterroles", "clusterrolebindings", "storageclasses", "customresourcedefinitions"),
    *("endpointslices", "leases", "priorityclasses", "resourcequotas", "limitranges"),
)
"""What is suggested until the cluster has said what it serves."""

K9S_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dp": "deployments",
        "sec": "secrets",
        "jo": "jobs",
        "cr": "clusterroles",
        "crb": "clusterrolebindings",
        "ro": "roles",
        "rb": "rolebindings",
        "np": "networkpolicies",
    }
)
"""Those k9s comes with, beside the names that the cluster itself gives, which come first."""

SEPARATOR = ","
"""Between several namespaces, as in `:po shop,payments`."""

EVERY = "*"
"""Every context, as in `:po @*`."""

OWN_COMMANDS = ("contexts", "help", "quit")

_LEAVING = frozenset({"q", "q!", "qa", "quit", "exit"})
_HELPING = frozenset({"?", "h", "help"})
_CONTEXTS = frozenset({"ctx", "context", "contexts"})
_VALUED = frozenset({"-n", "--namespace", "-l", "--selector"})
_HINT = "Try :deploy, :pods shop, :pods -A, :nodes, :po -l app=web /api or :po @context"


class Browse(msgspec.Struct, frozen=True):
    """Show a table, filtered from the start, in another context where one is named, or in several: `@a,b`."""

    query: TableQuery
    filter_text: str = ""
    context: str = ""
    names_namespace: bool = True
    """Where none is named, another context's own default is meant: its namespaces are others."""
    seek: str = ""
    """The row the cursor belongs on (`row_view.row_key`)."""

    @property
    def place(self) -> Place:
        """Where it leads."""
        return Place(query=self.query, filter_text=self.filter_text, seek=self.seek)

    @property
    def contexts(self) -> tuple[str, ...]:
        """The contexts named, where they are several; `*` among them means every one there is."""
        names = tuple(dict.fromkeys(name for name in self.context.split(SEPARATOR) if name))
        return names if len(names) > 1 or EVERY in names else ()


class Contexts(msgspec.Struct, frozen=True):
    """List the contexts, or switch to the one named."""

    name: str = ""


class Leave(msgspec.Struct, frozen=True):
    """Quit the program."""


class ShowHelp(msgspec.Struct, frozen=True):
    """Open the help screen."""


class OpenScreen(msgspec.Struct, frozen=True):
    """Open one of our own screens (`screens.SCREENS`), filtered from the start."""

    name: str
    filter_text: str = ""


Command = Browse | Contexts | Leave | OpenScreen | ShowHelp


def parse_command(text: str, current: TableQuery, served: Collection[str] = ()) -> Command:
    """The command typed; a namespace not named stays the current one. Raises UsageError.

    `served` are the names that the cluster gives its kinds, as far as they are known yet.
    """
    try:
        words = shlex.split(text.strip().removeprefix(":"))
    except ValueError:
        raise UsageError("a quotation mark is not closed", hint=_HINT) from None
    if not words:
        raise UsageError("nothing was typed after the colon", hint=_HINT)
    if words[0] in _CONTEXTS and words[0] not in SCREENS:
        if len(words) > 2:
            raise UsageError(f"{words[2]} is not understood here", hint=":ctx NAME switches to one context")
        return Contexts(words[1].removeprefix("@") if len(words) > 1 else "")
    if len(words) == 1 and words[0] in _LEAVING:
        return Leave()
    if len(words) == 1 and words[0] in _HELPING:
        return ShowHelp()
    if words[0] in SCREENS and (len(words) == 1 or words[1].startswith("/")):
        return OpenScreen(words[0], " ".join(words[1:]).removeprefix("/"))
    if words[0] not in served:
        words[0] = K9S_ALIASES.get(words[0], words[0])
    return _browse(words, current)


def _browse(words: list[str], current: TableQuery) -> Browse:
    kind, context = words[0], ""
    namespaces: list[str] = []
    selectors: list[str] = []
    filters: list[str] = []
    if kind.startswith(("-", "/", "@")):
        raise UsageError(f"{kind} stands where a kind is expected", hint=_HINT)
    rest = iter(words[1:])
    for word in rest:
        if word in {"-A", "--all-namespaces"}:
            namespaces.append("")
        elif word in _VALUED:
            value = next(rest, "")
            if not value:
                raise UsageError(f"{word} needs a value", hint=_HINT)
            (selectors if word in {"-l", "--selector"} else namespaces).append(value)
        elif word.startswith("@") and len(word) > 1 and not context:
            context = word[1:]
        elif word.startswith("/") or filters:
            filters.append(word.removeprefix("/"))
        elif word.startswith(("-", "@")):
            raise UsageError(f"{word} is not understood here", hint=_HINT)
        elif "=" in word:
            selectors.append(word)
        else:
            namespaces.append("" if word == "all" else word)
    if len(namespaces) > 1:
        raise UsageError(f"{namespaces[1] or '-A'} is not understood here: a namespace is named", hint=_HINT)
    namespace = namespaces[0] if namespaces else "" if context else current.namespace
    query = TableQuery(kind=kind, namespace=namespace, label_selector=",".join(selectors))
    return Browse(query, " ".join(filters), context, names_namespace=bool(namespaces))
