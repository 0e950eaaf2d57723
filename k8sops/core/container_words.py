"""Parts of a container in short lines, as `kubectl describe` has them: ports, probes, environment, mounts. Pure.

Each function answers None to what has another shape than it knows, so that its caller tells that by its fields and
nothing is left out. Of Secrets only their names and keys are here, since a container has no more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from k8sops.core.fact_lines import scalar
from k8sops.core.json_shapes import is_scalar
from k8sops.core.plan import JsonObject

Teller = Callable[[object], str | None]

_TIMES: Final = (
    ("initialDelaySeconds", "delay={}s"),
    ("timeoutSeconds", "timeout={}s"),
    ("periodSeconds", "period={}s"),
    ("successThreshold", "#success={}"),
    ("failureThreshold", "#failure={}"),
    ("terminationGracePeriodSeconds", "grace={}s"),
)


def port(found: object) -> str | None:
    """`8080/TCP (http), host port 80`."""
    one = _flat(found, "containerPort", maybe=("name", "protocol", "hostIP", "hostPort"))
    if one is None:
        return None
    name = f" ({one['name']})" if "name" in one else ""
    host = ":".join(str(one[key]) for key in ("hostIP", "hostPort") if key in one)
    return f"{one['containerPort']}/{one.get('protocol', 'TCP')}{name}{f', host port {host}' if host else ''}"


def word(found: object) -> str | None:
    """A word of a command line."""
    return (scalar(found) or '""') if is_scalar(found) else None


def amounts(found: object) -> str | None:
    """`cpu 500m, memory 192Mi`."""
    if not isinstance(found, dict) or not all(map(is_scalar, found.values())):
        return None
    return ", ".join(f"{name} {amount}" for name, amount in found.items())


def mount(found: object) -> str | None:
    """`/etc/web from config (ro, path web.conf)`."""
    one = _flat(
        found, "mountPath", "name", maybe=("subPath", "subPathExpr", "mountPropagation"), flag="readOnly"
    )
    if one is None:
        return None
    said = ["ro" if one.get("readOnly") else "rw"]
    said += [f"path {one[key]}" for key in ("subPath", "subPathExpr") if key in one]
    said += [f"propagation {one['mountPropagation']}"] if "mountPropagation" in one else []
    return f"{one['mountPath']} from {one['name']} ({', '.join(said)})"


def device(found: object) -> str | None:
    """`/dev/xvda from data`."""
    one = _flat(found, "devicePath", "name")
    return None if one is None else f"{one['devicePath']} from {one['name']}"


def environment_source(found: object) -> str | None:
    """`ConfigMap web, prefix WEB_, optional`."""
    if not isinstance(found, dict):
        return None
    for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
        ref = _flat(found.get(field), "name", flag="optional")
        rest = _flat({key: value for key, value in found.items() if key != field}, maybe=("prefix",))
        if ref is not None and rest is not None:
            prefix = f", prefix {rest['prefix']}" if rest.get("prefix") else ""
            return f"{kind} {ref['name']}{prefix}{_optional(ref)}"
    return None


def variable(found: object) -> str | None:
    """`NAME=value`, or `NAME from key password of Secret db`."""
    if (one := _flat(found, "name", maybe=("value",))) is not None:
        return f"{one['name']}={scalar(one.get('value', ''))}"
    if not isinstance(found, dict) or found.keys() != {"name", "valueFrom"} or not is_scalar(found["name"]):
        return None
    source = found["valueFrom"]
    if not isinstance(source, dict) or len(source) != 1:
        return None
    said = _value_source(*next(iter(source.items())))
    return None if said is None else f"{found['name']} from {said}"


def _value_source(kind: str, found: Any) -> str | None:
    if kind in {"secretKeyRef", "configMapKeyRef"}:
        one = _flat(found, "name", "key", flag="optional")
        owner = "Secret" if kind == "secretKeyRef" else "ConfigMap"
        return None if one is None else f"key {one['key']} of {owner} {one['name']}{_optional(one)}"
    if kind == "fieldRef":
        one = _flat(found, "fieldPath", maybe=("apiVersion",))
        return None if one is None or one.get("apiVersion", "v1") != "v1" else f"field {one['fieldPath']}"
    if kind == "resourceFieldRef":
        one = _flat(found, "resource", maybe=("containerName", "divisor"))
        if one is None:
            return None
        of = f" of {one['containerName']}" if "containerName" in one else ""
        divisor = f" divided by {one['divisor']}" if one.get("divisor") not in {None, "0", "1"} else ""
        return f"resource {one['resource']}{of}{divisor}"
    return None


def probe(found: object) -> str | None:
    """`http-get http://:8080/healthz delay=5s timeout=1s period=10s #success=1 #failure=3`."""
    if not isinstance(found, dict):
        return None
    times = [field for field, _ in _TIMES]
    handlers = {key: value for key, value in found.items() if key not in times and value is not None}
    paced = _flat({key: found[key] for key in times if key in found}, maybe=tuple(times))
    if paced is None or len(handlers) != 1:
        return None
    how = _handler(*next(iter(handlers.items())))
    if how is None:
        return None
    return " ".join([how, *(said.format(paced[field]) for field, said in _TIMES if field in paced)])


def _handler(kind: str, found: Any) -> str | None:
    if kind == "httpGet":
        return _request(found)
    if kind == "tcpSocket":
        one = _flat(found, "port", maybe=("host",))
        return None if one is None else f"tcp-socket {one.get('host', '')}:{one['port']}"
    if kind == "grpc":
        one = _flat(found, "port", maybe=("service",))
        return None if one is None else f"grpc :{one['port']} {one.get('service', '')}".rstrip()
    if kind == "exec" and isinstance(found, dict) and found.keys() == {"command"}:
        words = told(found["command"], word)
        return None if words is None else f"exec [{' '.join(words)}]"
    return None


def _request(found: Any) -> str | None:
    if not isinstance(found, dict):
        return None
    headers = told(found.get("httpHeaders") or [], _header)
    request = {key: value for key, value in found.items() if key != "httpHeaders"}
    one = _flat(request, "port", maybe=("path", "host", "scheme"))
    if one is None or headers is None:
        return None
    scheme, path = str(one.get("scheme", "http")).lower(), str(one.get("path", "")).removeprefix("/")
    return " ".join([f"http-get {scheme}://{one.get('host', '')}:{one['port']}/{path}", *headers])


def _header(found: object) -> str | None:
    one = _flat(found, "name", "value")
    return None if one is None else f"[{one['name']}: {one['value']}]"


def told(found: object, teller: Teller) -> list[str] | None:
    """Each item of a list told; None where it is none, or one of them has another shape."""
    if not isinstance(found, list):
        return None
    said = [line for item in found if (line := teller(item)) is not None]
    return said if len(said) == len(found) else None


def _flat(found: object, *needed: str, maybe: tuple[str, ...] = (), flag: str = "") -> JsonObject | None:
    """The mapping without empty fields, where it has these and no others: each a scalar, `flag` a truth value."""
    if not isinstance(found, dict):
        return None
    one = {key: value for key, value in found.items() if value is not None}
    allowed = {*needed, *maybe, *([flag] if flag else [])}
    if not set(needed) <= one.keys() <= allowed or not all(map(is_scalar, one.values())):
        return None
    return one if isinstance(one.get(flag, False), bool) else None


def _optional(ref: JsonObject) -> str:
    return ", optional" if ref.get("optional") else ""
