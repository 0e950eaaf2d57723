"""What the screen of tables says of the table it shows: sentences only, from states only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from k8sops.core.errors import CredentialsError, K8sOpsError, UnknownKindError
from k8sops.core.tables import Column, FeedState, LiveRows, TableQuery
from k8sops.tui.columns import width_of
from k8sops.tui.live_table import LiveTable
from k8sops.tui.places import CRUMB
from k8sops.tui.row_painter import fit
from k8sops.tui.status import ago_text, clock_text, since_text

LOG_IN = "Ctrl-L runs the credential plugin on the bare terminal, where it may ask."
ALIASES = ":aliases lists every name that can be typed."
_PLUGIN = "credential plugin"
_CRUMB_ROOM, _CRUMBS_ROOM = 24, 56


def sentence(error: K8sOpsError) -> str:
    """An error with its hint, each as a sentence."""
    # Here a hint that names a command of the shell is out of place: the list of kinds is a screen.
    is_shells = isinstance(error, UnknownKindError) and "`k8sops get" in error.hint
    told = (error.message, "" if is_shells else _capital(error.hint))
    parts = [part if part.endswith((".", "?", "!")) else f"{part}." for part in told if part]
    parts += [LOG_IN] if isinstance(error, CredentialsError) else []
    parts += [ALIASES] if isinstance(error, UnknownKindError) else []
    return " ".join(parts)


def _capital(sentence: str) -> str:
    """A hint stands behind a full stop."""
    return sentence[:1].upper() + sentence[1:] if sentence.partition(" ")[0].isalpha() else sentence


def crumbs_said(crumbs: str) -> str:
    """The way here: long names lose their middle, and a long way its beginning."""
    parts = [fit(part, min(width_of(part), _CRUMB_ROOM), middle=True) for part in crumbs.split(CRUMB)]
    while len(parts) > 2 and width_of(CRUMB.join(parts)) > _CRUMBS_ROOM:
        parts = ["…", *parts[2 if parts[0] == "…" else 1 :]]
    return CRUMB.join(parts)


def extras_of(table: LiveTable, query: TableQuery, note: str = "") -> list[str]:
    """Order, selectors, filter and marks: what decides which rows are seen."""
    title, reverse = table.order
    extras = [f"by {title}{'↓' if reverse else '↑'}"] if title else ["reversed"] if reverse else []
    extras = [f"! {note}", *extras] if note else extras
    if marked := len(table.marked):
        extras.insert(0, f"* {marked:,} marked")
    if table.faults_only:
        extras.append("! faults only")
    extras += [f"-l {query.label_selector}"] if query.label_selector else []
    extras += [query.field_selector] if query.field_selector else []
    return [*extras, f"/{table.filter.text}"] if table.filter.text else extras


def since_said(state: FeedState, since: datetime, now: datetime) -> str:
    """A live table says since when, without a counter that would redraw the line every second."""
    return f"since {clock_text(since)}" if state is FeedState.LIVE else f"for {ago_text(since, now)}"


def columns_shown(query: TableQuery, columns: Sequence[Column]) -> Sequence[Column]:
    """Of an object's own events, its name on every line may give way to what happened."""
    if not _is_of_one_object(query):
        return columns
    return tuple(
        msgspec.structs.replace(one, spare=1) if one.name.lower() == "object" else one for one in columns
    )


def _is_of_one_object(query: TableQuery) -> bool:
    return query.field_selector.startswith("involvedObject.")


def placeholder(query: TableQuery, rows: LiveRows, table: LiveTable, no_namespace: str = "") -> str:
    """What stands where no row does; `no_namespace` is why there can be none, where that is known."""
    kind = query.kind
    where = f"in namespace {query.namespace}" if query.namespace else "in any namespace"
    if rows.state is FeedState.LOADING:
        return f"Loading {kind} …"
    if not rows.columns and (rows.error is not None or rows.trouble):
        why = sentence(rows.error) if rows.error is not None else f"{rows.trouble.rstrip('.')}."
        elsewhere = ": for another kind" if query.namespace else f":{kind} NAMESPACE for one you may read"
        return f"✗ {why} Press Ctrl-R to try again, {elsewhere}."
    if table.total:
        if table.faults_only:
            return f"None of {table.total:,} is in trouble. Ctrl-Z shows all."
        return "No row passes the filter. Esc clears it."
    return no_namespace or _nothing_there(query, where)


def no_namespace(namespace: str, near: Sequence[str]) -> str:
    """A namespace that does not exist, and which were perhaps meant."""
    meant = f"; did you mean {' or '.join(near)}" if near else ""
    return f"There is no namespace {namespace}{meant}{'?' if near else '.'} 0 shows all namespaces, : goes elsewhere."


def _nothing_there(query: TableQuery, where: str) -> str:
    if _is_of_one_object(query):
        return "Nothing happened to it lately: clusters keep events for an hour or so. Esc goes back."
    if query.label_selector or query.field_selector:
        where += f" with {query.label_selector or query.field_selector}"
    elsewhere = " 0 shows those of all namespaces, : goes elsewhere." if query.namespace else ""
    return f"There are no {query.kind} {where}.{elsewhere}"


def trouble(rows: LiveRows, state: FeedState, since: datetime, now: datetime) -> str:
    """Why what is shown cannot be believed; empty while it can."""
    if state is FeedState.LIVE:
        # Of several contexts some may be missing, and the rows of the others are true.
        return f"! {rows.trouble.rstrip('.')}. Ctrl-R tries again." if rows.trouble else ""
    if state is FeedState.LOADING:
        return f"! Still loading: {rows.trouble.rstrip('.')}. Trying again." if rows.trouble else ""
    why = (rows.trouble or "the connection to the cluster was lost").rstrip(".")
    shown = "Last known rows shown." if rows.rows else ""
    if _PLUGIN in why:
        shown = f"{shown} {LOG_IN}".strip()
    ago = since_text(since, now)
    if state is FeedState.FAILED:
        return f"✗ FAILED at {ago}: {why}. {shown} Ctrl-R tries again."
    return f"! STALE since {ago}: {why}. {shown} Reconnecting."
