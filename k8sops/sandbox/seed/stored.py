"""What a large load looks like in etcd: keys and values as the API server itself would have stored them.

`stored-forms.json` holds what the API server made of one object of each kind: defaults, admission's additions, managed
fields (a node's without the taint that it loses once it is ready). The others differ in names, labels, node, image,
address and data only. The API server reads JSON from its store as it does protobuf. A test compares every kind with
what a live API server makes; `tools.stored_forms` writes the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Final

import msgspec

from k8sops.sandbox.nodes import node_manifest, node_name
from k8sops.sandbox.seed import load_objects
from k8sops.sandbox.seed.load_objects import LoadSize, Placed, load_address

JsonObject = dict[str, Any]

FORMS: Final = "stored-forms.json"
TIME_MARK: Final = "@TIME@"
ADDRESS_MARK: Final = "@ADDRESS@"
TAIL_DIGITS: Final = 12
"""How many last hexadecimal digits of a uid are the sandbox's, and the same in all of a load."""

_PREFIXES: Final = {
    "Namespace": "/registry/namespaces",
    "ServiceAccount": "/registry/serviceaccounts",
    "Node": "/registry/minions",
    "Pod": "/registry/pods",
    "ConfigMap": "/registry/configmaps",
    "Secret": "/registry/secrets",
    "Service": "/registry/services/specs",
}
"""Where kube-apiserver keeps each kind (pkg/registry/core of v1.36)."""


class StoredLoad:
    """One load as keys and values, all of one moment, and with uids that no other sandbox has.

    `moment` is RFC 3339 with whole seconds, as the API server writes times; `tail` is the end of every uid.
    """

    def __init__(self, size: LoadSize, moment: str, tail: str) -> None:
        self.size: Final = size
        self._moment: Final = moment
        self._tail: Final = tail
        text = files(__package__).joinpath(FORMS).read_text(encoding="utf-8")
        self._forms: Final = msgspec.json.decode(
            text.replace(TIME_MARK, moment), type=dict[str, dict[str, Any]]
        )

    @property
    def total(self) -> int:
        """How many objects `entries` yields."""
        return self.size.total + 2 * self.size.namespaces

    def entries(self) -> Iterator[tuple[bytes, bytes]]:
        """Every key with its value. The nodes come before the pods that run on them."""
        size = self.size
        nodes = [_own_node(index + 1) for index in range(size.nodes)]
        for placed in nodes:
            yield self.entry(placed)
        for number in range(size.namespaces):
            yield self.entry(load_objects.namespace(number))
            yield self.entry(load_objects.service_account(number))
        for number in range(size.pods):
            placed = load_objects.pod(number, size, nodes[number % len(nodes)].name)
            yield self.entry(placed, number)
        for number in range(size.rest):
            yield self.entry(load_objects.rest(number, size))

    def entry(self, placed: Placed, number: int = 0) -> tuple[bytes, bytes]:
        """One object's key and value; `number` is the pod's."""
        form, body = self._forms[placed.kind], placed.body
        value = form | {"metadata": self._metadata(placed, form["metadata"])}
        match placed.kind:
            case "Node":
                value["status"] = form["status"] | body["status"]
            case "Pod":
                container = form["spec"]["containers"][0] | body["spec"]["containers"][0]
                container["ports"] = form["spec"]["containers"][0]["ports"]
                value["spec"] = form["spec"] | body["spec"] | {"containers": [container]}
                value["status"] = form["status"] | load_objects.running(placed, number, self._moment)
            case "ConfigMap" | "Secret":
                value["data"] = body["data"]
        encoded = msgspec.json.encode(value)
        if placed.kind == "Pod":
            encoded = encoded.replace(ADDRESS_MARK.encode(), load_address(number).encode())
        return key_of(placed), encoded

    def _metadata(self, placed: Placed, form: JsonObject) -> JsonObject:
        given: JsonObject = placed.body["metadata"]
        if placed.kind == "Namespace":
            given = given | {"labels": given["labels"] | {"kubernetes.io/metadata.name": placed.name}}
        owned: JsonObject = {
            f"f:{field}": {".": {}} | {f"f:{key}": {} for key in given[field]}
            for field in ("annotations", "labels")
            if field in given
        }
        created, *later = form["managedFields"]
        created = created | {"fieldsV1": created["fieldsV1"] | {"f:metadata": owned}}
        own: JsonObject = {
            "uid": self._uid(placed),
            "creationTimestamp": self._moment,
            "managedFields": [created, *later],
        }
        return given | form | own

    def _uid(self, placed: Placed) -> str:
        """A uid of version 4's form that follows from the object's name and the sandbox's tail."""
        known = hashlib.sha256(f"{placed.kind}/{placed.namespace}/{placed.name}".encode()).hexdigest()
        return f"{known[:8]}-{known[8:12]}-4{known[12:15]}-8{known[15:18]}-{self._tail}"


def key_of(placed: Placed) -> bytes:
    """The object's key in etcd."""
    parts = [_PREFIXES[placed.kind], *([placed.namespace] if placed.namespace else []), placed.name]
    return "/".join(parts).encode()


def _own_node(index: int) -> Placed:
    """A node as `up` would register it. Whoever plays it makes it ready, with this sandbox's address and port."""
    return Placed("Node", "", node_name(index), node_manifest(index))


def sources() -> bytes:
    """All that decides what a load looks like: a cached one made by anything else must not be used."""
    sandbox = files("k8sops.sandbox")
    names = ("nodes.py", "seed/load_objects.py", "seed/stored.py", f"seed/{FORMS}")
    return b"\0".join(sandbox.joinpath(*name.split("/")).read_bytes() for name in names)
