"""Metrics as a Table (meta.k8s.io/v1), which is what `get` of kubectl and of k8sops asks for."""

from __future__ import annotations

from typing import Any, Final

from k8sops.sandbox.played.quantities import MEBI, number

JsonObject = dict[str, Any]

_COLUMNS: Final = (("Name", "name"), ("Cpu", ""), ("Memory", ""), ("Window", ""))


def wants_table(accept: str) -> bool:
    """Whether the client's first choice is a Table of the version that is made here."""
    first = accept.split(",", 1)[0].replace(" ", "")
    return {"as=Table", "v=v1", "g=meta.k8s.io"} <= set(first.split(";"))


def table(items: list[JsonObject], include: str) -> JsonObject:
    """The Table, with nothing, the metadata or the whole of each object beside its cells."""
    columns = [
        {"name": name, "type": "string", "format": form, "description": "", "priority": 0}
        for name, form in _COLUMNS
    ]
    rows = [{"cells": _cells(item), "object": _object(item, include)} for item in items]
    head = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}}
    return head | {"columnDefinitions": columns, "rows": rows}


def _cells(item: JsonObject) -> list[str]:
    usages = [item["usage"]] if "usage" in item else [one["usage"] for one in item["containers"]]
    cpu = sum(number(usage["cpu"]) for usage in usages)
    memory = sum(number(usage["memory"]) for usage in usages)
    window = item["window"]
    return [item["metadata"]["name"], f"{round(cpu * 1000)}m", f"{round(memory / MEBI)}Mi", window]


def _object(item: JsonObject, include: str) -> JsonObject | None:
    if include == "None":
        return None
    if include == "Object":
        return item
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}
