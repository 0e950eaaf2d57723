"""What is typed after `:`, turned into something to do: `:deploy shop -l tier=db /web`, `:nodes`, `:q`."""

from __future__ import annotations

import shlex

import msgspec

from k8sops.core.errors import UsageError
from k8sops.core.tables import TableQuery

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
    *("endpointslices", "leases", "priorityclasses", "resourcequotas", "limitranges", "quit", "help"),
)

_HINT = "Try :deploy, :pods shop, :pods -A, :nodes or :po -l app=web /api"


class Browse(msgspec.Struct, frozen=True):
    """Show a table, filtered from the start."""

    query: TableQuery
    filter_text: str = ""


class Leave(msgspec.Struct, frozen=True):
    """Quit the program."""


class ShowHelp(msgspec.Struct, frozen=True):
    """Open the help screen."""


Command = Browse | Leave | ShowHelp


def parse_command(text: str, current: TableQuery) -> Command:
    """The command typed; a namespace not named stays the current one. Raises UsageError."""
    try:
        words = shlex.split(text.strip().removeprefix(":"))
    except ValueError:
        raise UsageError("a quotation mark is not closed", hint=_HINT) from None
    if not words:
        raise UsageError("nothing was typed after the colon", hint=_HINT)
    if len(words) == 1 and words[0] in {"q", "q!", "quit", "exit"}:
        return Leave()
    if len(words) == 1 and words[0] in {"?", "h", "help"}:
        return ShowHelp()
    return _browse(words, current)


def _browse(words: list[str], current: TableQuery) -> Browse:
    kind, namespace, selector, filter_text = words[0], current.namespace, "", ""
    if kind.startswith("-"):
        raise UsageError(f"{kind} stands where a kind is expected", hint=_HINT)
    rest = iter(words[1:])
    named = False
    for word in rest:
        if word in {"-A", "--all-namespaces"}:
            namespace, named = "", True
        elif word in {"-n", "--namespace", "-l", "--selector"}:
            value = next(rest, "")
            if not value:
                raise UsageError(f"{word} needs a value", hint=_HINT)
            if word in {"-l", "--selector"}:
                selector = value
            else:
                namespace, named = value, True
        elif word.startswith("/"):
            filter_text = " ".join([word[1:], *rest])
        elif word.startswith("-") or named:
            raise UsageError(f"{word} is not understood here", hint=_HINT)
        else:
            namespace, named = word, True
    return Browse(TableQuery(kind=kind, namespace=namespace, label_selector=selector), filter_text)
