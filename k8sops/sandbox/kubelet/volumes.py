"""What a pod's volumes hold: the files of ConfigMaps, Secrets, projections and the downward API.

Read through the API when a command starts; what is missing there is empty here. Everything else (emptyDir, hostPath,
claims, drivers) is a folder of the pod's or the claim's own.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

JsonObject = dict[str, Any]

DEFAULT_MODE: Final = 0o644
TOKEN_SECONDS: Final = 3607
FILLED: Final = ("configMap", "secret", "projected", "downwardAPI")


class Objects(Protocol):
    """What is read of the cluster."""

    async def read(self, resource: str, namespace: str, name: str) -> JsonObject | None:
        """An object of the core group, or None."""

    async def ask(self, method: str, path: str, body: JsonObject) -> tuple[int, JsonObject]:
        """Status and content of an answer."""


class File(NamedTuple):
    """A file of a volume."""

    content: bytes
    mode: int


Files = dict[str, File]
"""By path below the volume."""


class Contents:
    """Reads what the volumes of one pod hold."""

    def __init__(self, api: Objects, pod: Mapping[str, Any]) -> None:
        self._api: Final = api
        self._pod: Final = pod
        self._namespace: Final[str] = pod["metadata"]["namespace"]

    async def of(self, volume: Mapping[str, Any]) -> Files:
        """The files of a volume of one of the kinds in FILLED."""
        files: Files = {}
        kind = next(name for name in FILLED if name in volume)
        source = volume[kind]
        mode = source.get("defaultMode", DEFAULT_MODE)
        for part in source.get("sources") or () if kind == "projected" else ({kind: source},):
            files |= await self._part(part, mode)
        return {path: file for path, file in files.items() if _inside(path)}

    async def data(self, resource: str, name: str) -> dict[str, bytes]:
        """The entries of a ConfigMap or Secret; none where it is not there."""
        found = await self._api.read(resource, self._namespace, name) or {}
        encoded = {**(found.get("binaryData") or {})}
        plain = {key: value.encode() for key, value in (found.get("data") or {}).items()}
        if resource == "secrets":
            encoded, plain = found.get("data") or {}, {}
        return plain | {key: base64.b64decode(value) for key, value in encoded.items()}

    async def _part(self, part: Mapping[str, Any], mode: int) -> Files:
        if (source := part.get("configMap")) is not None:
            return _chosen(await self.data("configmaps", source["name"]), source.get("items"), mode)
        if (source := part.get("secret")) is not None:
            name = source.get("secretName") or source.get("name", "")
            return _chosen(await self.data("secrets", name), source.get("items"), mode)
        if (source := part.get("downwardAPI")) is not None:
            return {
                item["path"]: File(field_of(self._pod, item).encode(), item.get("mode", mode))
                for item in source.get("items") or ()
            }
        if (source := part.get("serviceAccountToken")) is not None:
            return {source["path"]: File(await self._token(source), mode)}
        return {}

    async def _token(self, source: Mapping[str, Any]) -> bytes:
        """A token of the pod's service account, bound to the pod: what its containers hold on a real cluster."""
        metadata = self._pod["metadata"]
        account = self._pod["spec"].get("serviceAccountName") or "default"
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        audience = source.get("audience")
        wanted = {
            "audiences": [audience] if audience else [],
            "expirationSeconds": source.get("expirationSeconds", TOKEN_SECONDS),
            "boundObjectRef": bound,
        }
        path = f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{account}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": wanted}
        status, answer = await self._api.ask("POST", path, request)
        return str(answer["status"]["token"]).encode() if status in {200, 201} else b""


def field_of(pod: Mapping[str, Any], item: Mapping[str, Any], container: str = "") -> str:
    """The value of a fieldRef or resourceFieldRef (downward API); empty for a field that is not there."""
    if reference := item.get("resourceFieldRef"):
        return _resource(pod, reference, container)
    path: str = (item.get("fieldRef") or {}).get("fieldPath", "")
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status", {})
    head, _, key = path.partition("[")
    if key:
        return str((metadata.get(head.removeprefix("metadata.")) or {}).get(key.strip("]'\""), ""))
    if path in {"metadata.labels", "metadata.annotations"}:
        pairs = metadata.get(path.removeprefix("metadata.")) or {}
        return "\n".join(f'{name}="{value}"' for name, value in sorted(pairs.items()))
    simple = {
        **{f"metadata.{name}": metadata.get(name) for name in ("name", "namespace", "uid")},
        "spec.nodeName": spec.get("nodeName"),
        "spec.serviceAccountName": spec.get("serviceAccountName"),
        **{f"status.{name}": status.get(name) for name in ("hostIP", "podIP")},
        "status.podIPs": ",".join(one["ip"] for one in status.get("podIPs") or ()),
        "status.hostIPs": ",".join(one["ip"] for one in status.get("hostIPs") or ()),
    }
    return str(simple.get(path) or "")


def _resource(pod: Mapping[str, Any], reference: Mapping[str, Any], container: str) -> str:
    """A request or limit as it is written; a divisor is not applied."""
    wanted = reference.get("containerName") or container
    kind, _, name = str(reference.get("resource", "")).partition(".")
    for one in pod["spec"]["containers"]:
        if one["name"] == wanted:
            return str(((one.get("resources") or {}).get(kind) or {}).get(name, "0"))
    return "0"


def _chosen(data: Mapping[str, bytes], items: Sequence[Mapping[str, Any]] | None, mode: int) -> Files:
    if not items:
        return {key: File(content, mode) for key, content in data.items()}
    return {
        item["path"]: File(data[item["key"]], item.get("mode", mode)) for item in items if item["key"] in data
    }


def _inside(path: str) -> bool:
    """Whether a path stays in its volume; the API server refuses others, and this is the last to look."""
    return not path.startswith("/") and all(part not in {"", ".", ".."} for part in path.split("/"))
