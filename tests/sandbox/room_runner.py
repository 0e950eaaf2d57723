"""Runs one command in a confined room and prints how it ended: a program, so that it can be run as another user.

Reads `{"folder", "pod", "container", "command", "tty"}` from stdin. Only the standard library and the kubelet's own
modules: the other user's Python has nothing else.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from k8sops.sandbox.kubelet.process import RoomError, start
from k8sops.sandbox.kubelet.rooms import Rooms


class NoObjects:
    """A cluster that holds nothing: volumes made from objects are empty."""

    async def read(self, resource: str, namespace: str, name: str) -> dict[str, Any] | None:
        return None

    async def ask(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return 404, {}


async def main() -> dict[str, Any]:
    asked = json.load(sys.stdin)
    rooms = Rooms(Path(asked["folder"]), NoObjects())
    pod = asked["pod"]
    container = next(one for one in pod["spec"]["containers"] if one["name"] == asked["container"])
    try:
        specification = await rooms.specification(
            pod, container, asked["command"], tty=asked.get("tty", False)
        )
        process = await start(specification, stdin=False)
    except RoomError as error:
        return {"refused": str(error)}
    sys.stdout.write("started\n")
    sys.stdout.flush()
    assert process.stdout is not None
    assert process.stderr is not None
    said = await asyncio.gather(process.stdout.read(), process.stderr.read())
    code = await process.wait()
    await process.end()
    return {"code": code, "stdout": said[0].decode(), "stderr": said[1].decode()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main())) + "\n")
