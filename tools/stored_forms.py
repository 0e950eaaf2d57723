"""Write `k8sops/sandbox/seed/stored-forms.json` anew: what the API server makes of one object of each kind of a load.

`python -m tools.stored_forms KUBECONFIG` on a running sandbox that holds no load; it leaves namespace load-000 behind.
Needed after a change of Kubernetes' version or of what a load consists of; tests/sandbox/test_large.py says so.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec

from k8sops.sandbox import seed
from k8sops.sandbox.nodes import node_manifest
from k8sops.sandbox.seed import load_objects
from k8sops.sandbox.seed.api import SeedApi, open_api
from k8sops.sandbox.seed.load_objects import LoadSize, Placed, load_address
from k8sops.sandbox.seed.manifests import collection_path
from k8sops.sandbox.seed.stored import ADDRESS_MARK, FORMS, TIME_MARK

SIZE = LoadSize(nodes=1, pods=1, rest=5)
TARGET = Path(seed.__file__).parent / FORMS
OWN = ("capacity", "allocatable", "phase", "startTime", "podIP", "podIPs", "conditions", "containerStatuses")
"""Fields of a status that the load writes itself."""

JsonObject = dict[str, Any]


async def _made(api: SeedApi, placed: Placed, query: str = "") -> JsonObject:
    path = collection_path(placed.kind, placed.namespace) + query
    return (await api.send("POST", path, msgspec.json.encode(placed.body))).json()


async def _all(api: SeedApi) -> list[JsonObject]:
    made = [await _made(api, load_objects.namespace(0)), await _made(api, load_objects.service_account(0))]
    body = node_manifest(1)
    body["metadata"]["name"] = "node-form"
    made.append(await _made(api, Placed("Node", "", "node-form", body), "?dryRun=All"))
    pod = load_objects.pod(0, SIZE, "node-1")
    await _made(api, pod)
    path = f"{collection_path('Pod', pod.namespace)}/{pod.name}"
    status = load_objects.running(pod, 0, "2026-01-01T00:00:00Z")
    answer = await api.send("PUT", f"{path}/status", msgspec.json.encode(pod.body | {"status": status}))
    made.append(answer.json())
    return made + [await _made(api, load_objects.rest(number, SIZE), "?dryRun=All") for number in (0, 2, 4)]


def _form(made: JsonObject) -> JsonObject:
    """Only what all objects of the kind have in common."""
    metadata = made["metadata"]
    kept = {name: metadata[name] for name in ("generation", "managedFields") if name in metadata}
    for entry in kept["managedFields"]:
        entry["time"] = TIME_MARK
    kept["managedFields"][0]["fieldsV1"].pop("f:metadata", None)
    form = {name: value for name, value in made.items() if name != "data"} | {"metadata": kept}
    if made["kind"] in {"Node", "Pod"}:
        form["status"] = {name: value for name, value in made["status"].items() if name not in OWN}
    if made["kind"] == "Node":
        form["spec"] = {}
    if made["kind"] == "Pod":
        del form["spec"]["nodeName"]
        for name in ("name", "image"):
            del form["spec"]["containers"][0][name]
    return form


async def main(kubeconfig: Path) -> None:
    """Make, strip, write."""
    async with open_api(kubeconfig, connections=1) as api:
        forms = {made["kind"]: _form(made) for made in await _all(api)}
    text = msgspec.json.format(msgspec.json.encode(forms), indent=1).decode()
    await asyncio.to_thread(TARGET.write_text, text.replace(load_address(0), ADDRESS_MARK) + "\n", "utf-8")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
