"""Any JSON can be described, and nothing of it is left out: properties over objects that no schema has judged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.core.describing import description
from k8sops.core.plan import JsonObject
from k8sops.core.text import printable
from k8sops.redact.masking import masked_values

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NAMES = """
containers initContainers template jobTemplate spec metadata labels selector matchLabels data name image ports command
args env envFrom value valueFrom resources limits requests livenessProbe httpGet volumeMounts conditions
containerStatuses state lastState waiting type lastTransitionTime ownerReferences finalizers annotations
creationTimestamp deletionTimestamp namespace
"""
KEYS = st.sampled_from(NAMES.split()) | st.text(max_size=4)
LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=6)
DATED = LEAVES | st.sampled_from(["2026-11-21", "0001-01-01T00:00:00+23:59", "2026-11-21T11:00:00Z"])
JSON = st.recursive(
    DATED, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=30
)
TOP = st.sampled_from(["kind", "apiVersion", "metadata", "spec", "status", "data", "template"]) | st.text(
    max_size=3
)

# A container with all that is told in lines of its own, of which some is then changed to just another shape.
KEY = {"name": "x", "key": "x", "optional": True}
ENV_VARIABLES = [
    {"name": "x", "value": "x"},
    {"name": "x", "valueFrom": {"secretKeyRef": KEY}},
    {"name": "x", "valueFrom": {"configMapKeyRef": KEY}},
    {"name": "x", "valueFrom": {"fieldRef": {"fieldPath": "x"}}},
    {"name": "x", "valueFrom": {"resourceFieldRef": {"resource": "x", "containerName": "x", "divisor": "x"}}},
]
REQUEST = {"path": "x", "port": 1, "host": "x", "scheme": "x", "httpHeaders": [{"name": "x", "value": "x"}]}
CONTAINER: JsonObject = {
    "name": "x",
    "image": "x",
    "command": ["x"],
    "args": ["x", "x"],
    "ports": [{"containerPort": 1, "name": "x", "protocol": "x", "hostPort": 1, "hostIP": "x"}],
    "resources": {"limits": {"x": "x"}, "requests": {"x": 1}},
    "livenessProbe": {"httpGet": REQUEST, "periodSeconds": 1, "initialDelaySeconds": 1},
    "readinessProbe": {"exec": {"command": ["x"]}, "failureThreshold": 1},
    "startupProbe": {"grpc": {"port": 1, "service": "x"}, "terminationGracePeriodSeconds": 1},
    "envFrom": [
        {"configMapRef": {"name": "x", "optional": True}, "prefix": "x"},
        {"secretRef": {"name": "x", "optional": False}},
    ],
    "env": ENV_VARIABLES,
    "volumeMounts": [
        {"name": "x", "mountPath": "x", "readOnly": True, "subPath": "x"},
        {"name": "x", "mountPath": "x", "subPathExpr": "x", "mountPropagation": "x"},
    ],
    "volumeDevices": [{"name": "x", "devicePath": "x"}],
}
POD: JsonObject = {"containers": [CONTAINER], "initContainers": [CONTAINER]}
Path = tuple[str | int, ...]


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*path, key)
        yield from _paths(one, (*path, key))


PATHS = list(_paths(POD))
ODD = st.sampled_from([None, "odd", True, ["odd"], {"odd": "odd"}, [{"odd": ["odd"]}]])


def _changed(value: Any, path: Path, odd: Any) -> Any:
    """With something else at the end of the path, or where there is a mapping with one more field."""
    if not path:
        return value | {"lately": odd} if isinstance(value, dict) else odd
    first, *more = path
    if isinstance(value, dict) and first in value:
        return value | {first: _changed(value[first], tuple(more), odd)}
    if isinstance(value, list) and isinstance(first, int):
        return [_changed(one, tuple(more), odd) if at == first else one for at, one in enumerate(value)]
    return value


def _unlike(value: Any, numbers: count[int], leaves: list[str]) -> Any:
    """The value with each leaf that is told by itself made one that stands nowhere else."""
    if isinstance(value, dict):
        return {key: _unlike(inner, numbers, leaves) for key, inner in value.items()}
    if isinstance(value, list):
        return [_unlike(inner, numbers, leaves) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    leaves.append(f"v{next(numbers)}.")
    return leaves[-1]


@given(st.dictionaries(TOP, JSON, max_size=5))
@settings(deadline=None, max_examples=200)
def test_whatever_an_object_holds_it_can_be_described(found: JsonObject) -> None:
    """Anybody who may create custom resources could otherwise end the screen of whoever looks at them."""
    lines = description(found, NOW, masked_values)
    assert [line for line in lines if "\n" in line or line != printable(line)] == []


@given(JSON)
@settings(deadline=None, max_examples=200)
def test_no_value_is_left_out_of_any_spec(spec: Any) -> None:
    """Whoever describes an object takes what is not told for what is not there."""
    assert _left_out(spec) == []


@given(st.lists(st.tuples(st.sampled_from(PATHS), ODD), max_size=4))
@settings(deadline=None, max_examples=200)
def test_no_value_is_left_out_of_a_container_that_is_nearly_one(changes: list[tuple[Path, Any]]) -> None:
    """What has a line of its own is told there, and what just misses that shape by its field."""
    spec: Any = POD
    for path, odd in changes:
        spec = _changed(spec, path, odd)
    assert _left_out(spec) == []


def _left_out(spec: Any) -> list[str]:
    leaves: list[str] = []
    found = {"kind": "Pod", "spec": _unlike(spec, count(), leaves)}
    text = "\n".join(description(found, NOW, lambda one: one))
    return [leaf for leaf in leaves if leaf not in text]
