"""The containers of a pod as rows: pure, from the pod's JSON and what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from k8sops.core.plan import JsonObject
from k8sops.core.tables import Column, Row
from k8sops.forecast.objects import Container
from k8sops.service.live.figure_columns import POD_COLUMNS
from k8sops.service.live.figures import Used, pod_cells, size_of_container

CONTAINER_COLUMNS: Final = (
    Column(name="Name", format="name"),
    Column(name="Kind"),
    Column(name="Ready"),
    Column(name="State"),
    Column(name="Restarts", type="integer"),
    *POD_COLUMNS,
    Column(name="Age"),
    Column(name="Last state", priority=1),
    Column(name="Probes", priority=1, description="startup, liveness, readiness"),
    Column(name="Ports", priority=1),
    Column(name="Image"),
)


def container_rows(pod: JsonObject, used: Mapping[str, Used]) -> tuple[Row, ...]:
    """In the order they start: init containers, containers, ephemeral ones."""
    meta, statuses = pod["metadata"], _statuses(pod)
    rows = []
    for kind, spec in _specs(pod):
        name = str(spec.get("name", ""))
        status = statuses.get(name, {})
        state, since = _state(status.get("state") or {})
        cells = (
            name,
            kind,
            "True" if status.get("ready") else "False" if kind in ("app", "sidecar") else "-",
            state,
            str(status.get("restartCount", 0)),
            *pod_cells(used.get(name), size_of_container(msgspec.convert(spec, Container))),
            "",
            _last(status.get("lastState") or {}),
            _probes(spec),
            ",".join(_port(port) for port in spec.get("ports") or ()),
            str(spec.get("image", "")),
        )
        rows.append(
            Row(
                uid=f"{meta.get('uid', '')}/{name}",
                name=name,
                namespace=str(meta.get("namespace", "")),
                cells=cells,
                created=since,
                labels={},
            )
        )
    return tuple(rows)


def _specs(pod: JsonObject) -> Iterator[tuple[str, dict[str, Any]]]:
    spec = pod.get("spec") or {}
    for one in spec.get("initContainers") or ():
        yield ("sidecar" if one.get("restartPolicy") == "Always" else "init"), one
    for one in spec.get("containers") or ():
        yield "app", one
    for one in spec.get("ephemeralContainers") or ():
        yield "debug", one


def _statuses(pod: JsonObject) -> dict[str, dict[str, Any]]:
    status = pod.get("status") or {}
    kinds = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
    return {str(one.get("name", "")): one for kind in kinds for one in status.get(kind) or ()}


def _state(state: Mapping[str, Any]) -> tuple[str, datetime | None]:
    if (running := state.get("running")) is not None:
        return "Running", _time(running.get("startedAt"))
    if (ended := state.get("terminated")) is not None:
        return _ending(ended), _time(ended.get("finishedAt"))
    if (waiting := state.get("waiting")) is not None:
        return str(waiting.get("reason") or "Waiting"), None
    return "Waiting", None


def _last(state: Mapping[str, Any]) -> str:
    ended = state.get("terminated")
    if not ended:
        return ""
    return f"{_ending(ended)}, exit {ended.get('exitCode', '?')}"


def _ending(ended: Mapping[str, Any]) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', '?')}"


def _probes(spec: Mapping[str, Any]) -> str:
    return ",".join(
        kind for kind in ("startup", "liveness", "readiness") if spec.get(f"{kind}Probe") is not None
    )


def _port(port: Mapping[str, Any]) -> str:
    name = f"{port['name']}:" if port.get("name") else ""
    protocol = port.get("protocol", "TCP")
    return f"{name}{port.get('containerPort', '?')}" + ("" if protocol == "TCP" else f"/{protocol}")


def _time(text: Any) -> datetime | None:
    return msgspec.convert(text, datetime) if text else None
