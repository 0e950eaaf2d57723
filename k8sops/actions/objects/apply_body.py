"""What a server-side apply sends for an edit: the fields that change, and those applied before, which it else drops.

Pure. Everything else of the object is left out, so that an edit holds no field that it does not change. Which lists are
merged by keys is read from the managedFields; where they do not tell, the whole is sent, and the server's dry run
decides whether that says what was meant.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from k8sops.actions.objects.field_owners import applied_by, everybodys, is_entry
from k8sops.core.plan import JsonObject


def apply_body(
    found: Mapping[str, Any], present: JsonObject, wanted: JsonObject, *, manager: str
) -> JsonObject:
    """What makes `wanted` of `present`, the parts of `found` that are edited; without the object's name."""
    return _changed_fields(present, wanted, everybodys(found), applied_by(found, manager))


def _changed_fields(
    present: Mapping[str, Any], wanted: Mapping[str, Any], known: Mapping[str, Any], ours: Mapping[str, Any]
) -> JsonObject:
    body: JsonObject = {}
    for key, value in wanted.items():
        name = f"f:{key}"
        if key not in present:
            body[key] = value
        elif present[key] != value:
            body[key] = _changed(present[key], value, known.get(name), ours.get(name, {}))
        elif name in ours:
            body[key] = _kept(value, ours[name], known.get(name, {}))
    return body


def _changed(present: Any, wanted: Any, known: Mapping[str, Any] | None, ours: Mapping[str, Any]) -> Any:
    # A map that is held as a whole has nothing below it; of one that nobody holds, nothing is known.
    if isinstance(present, Mapping) and isinstance(wanted, Mapping) and known != {}:
        return _changed_fields(present, wanted, known or {}, ours)
    if isinstance(present, list) and isinstance(wanted, list) and known:
        if keys := next((tuple(json.loads(key[2:])) for key in known if key.startswith("k:")), ()):
            return list(_changed_entries(present, wanted, known, ours, keys))
        if any(key.startswith("v:") for key in known):
            held = [json.loads(key[2:]) for key in ours if key.startswith("v:")]
            return [value for value in wanted if value not in present or value in held]
    return wanted


def _changed_entries(
    present: list[Any],
    wanted: list[Any],
    known: Mapping[str, Any],
    ours: Mapping[str, Any],
    keys: tuple[str, ...],
) -> Iterator[Any]:
    for entry in wanted:
        name = {key: entry[key] for key in keys if isinstance(entry, Mapping) and key in entry}
        before = next((one for one in present if is_entry(one, "k", json.dumps(name))), None)
        if not name or before is None:
            yield entry
            continue
        known_of, ours_of = _of_entry(known, entry), _of_entry(ours, entry)
        if before != entry:
            yield {**_changed_fields(before, entry, known_of or {}, ours_of or {}), **name}
        elif ours_of is not None:
            yield {**_kept(entry, ours_of, known_of or {}), **name}


def _of_entry(fields: Mapping[str, Any], entry: Any) -> Mapping[str, Any] | None:
    return next(
        (below for key, below in fields.items() if key.startswith("k:") and is_entry(entry, "k", key[2:])),
        None,
    )


def _kept(value: Any, ours: Mapping[str, Any], known: Mapping[str, Any]) -> Any:
    """The part of a value that is ours."""
    if isinstance(value, Mapping):
        if not ours and not known:
            return value
        return {
            key: _kept(below, ours[f"f:{key}"], known.get(f"f:{key}", {}))
            for key, below in value.items()
            if f"f:{key}" in ours
        }
    if not isinstance(value, list) or not ours:
        return value
    kept = []
    for entry in value:
        if any(key.startswith("v:") and json.loads(key[2:]) == entry for key in ours):
            kept.append(entry)
        elif (below := _of_entry(ours, entry)) is not None:
            name = next(
                json.loads(key[2:]) for key in ours if key[:2] == "k:" and is_entry(entry, "k", key[2:])
            )
            kept.append({**_kept(entry, below, _of_entry(known, entry) or {}), **name})
    return kept
