"""Draining a copy, by kubectl or by this program, and what the API server's audit log says was done."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.ops import Ops
from k8sops.core.run import RunState
from tests.actions.drain.like_kubectl_copies import Copy

ALICE: Final = Actor(name="kubernetes-admin")
LONGEST_S: Final = 120
"""For whatever no scenario gives a time; a machine that is very busy takes half of it."""
LATE_S: Final = 40
"""How long kubectl is heard out past its own timeout: an answer of 500 it asks for again for a hundred seconds."""

_DONE: Final = {*range(200, 300), 504}
"""On a machine that is overloaded an answer comes too late for whoever asked; what was asked is done all the same."""


class Outcome(msgspec.Struct, frozen=True):
    """What a drain came to; `fates` and `graces` come from the audit log."""

    drained: bool
    refused: frozenset[str]
    """Names of the pods it refused to touch."""
    said: str
    fates: dict[str, str] = {}
    graces: frozenset[int | None] = frozenset()
    """Grace periods that were sent."""
    cordoned: bool = False


class _Request(msgspec.Struct, frozen=True, rename="camel"):
    verb: str
    request_uri: str = msgspec.field(name="requestURI")
    object_ref: dict[str, Any] = {}
    request_object: dict[str, Any] | None = None
    response_status: dict[str, Any] = {}


class Granted(msgspec.Struct, frozen=True):
    """An eviction or deletion of a pod that the server carried out."""

    verb: str
    pod: str
    grace_s: int | None


def granted(audit_log: Path, offset: int) -> dict[str, list[Granted]]:
    """All that was granted since the log was `offset` bytes long, by namespace."""
    found: defaultdict[str, list[Granted]] = defaultdict(list)
    with audit_log.open("rb") as log:
        log.seek(offset)
        # Others' requests go on: the API server may be in the middle of the last line.
        for line in log.read().rpartition(b"\n")[0].splitlines():
            request = msgspec.json.decode(line, type=_Request)
            target, body = request.object_ref, request.request_object or {}
            options = body.get("deleteOptions", {}) if body.get("kind") == "Eviction" else body
            if target.get("resource") != "pods" or request.response_status.get("code", 500) not in _DONE:
                continue
            if "dryRun" in request.request_uri or options.get("dryRun"):
                continue
            kind = (request.verb, target.get("subresource", ""))
            verb = {("create", "eviction"): "evicted", ("delete", ""): "deleted"}.get(kind)
            if verb is not None:
                grace = options.get("gracePeriodSeconds")
                found[target["namespace"]].append(Granted(verb, target["name"], grace))
    return dict(found)


async def kubectl_drains(kubectl: Path, kubeconfig: Path, cache: Path, copy: Copy) -> Outcome:
    """Drain with the real kubectl."""
    flags = {"timeout": LONGEST_S} | copy.scenario.flags
    arguments = [f"--{name.replace('_', '-')}={_written(name, value)}" for name, value in flags.items()]
    process = await asyncio.create_subprocess_exec(
        *(str(kubectl), "drain", copy.name, f"--kubeconfig={kubeconfig}", f"--cache-dir={cache}", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    enough = asyncio.get_running_loop().call_later(int(flags["timeout"]) + LATE_S, _end, process)
    out, complaint = await process.communicate()
    enough.cancel()
    said = complaint.decode()
    refusals = [line for line in said.splitlines() if "cannot delete" in line and "unable to drain" in line]
    names = re.findall(rf"{copy.namespace}/([a-z0-9-]+)", " ".join(refusals))
    return Outcome(process.returncode == 0, frozenset(names), out.decode() + said)


async def program_drains(ops: Ops, copy: Copy) -> Outcome:
    """Drain with this program, from proposal to its end; a plan that is blocked is not started."""
    params = {"nodes": [copy.name], "timeout": LONGEST_S} | copy.scenario.flags
    run = await ops.propose("drain", params, ALICE)
    blockers = run.plan.blockers
    refused = frozenset(
        subject.rpartition("/")[2]
        for finding in blockers
        if finding.code.startswith("refused_")
        for subject in finding.subjects
    )
    if blockers:
        return Outcome(False, refused, "\n".join(finding.text for finding in blockers))
    await ops.start(run.id, ALICE)
    events = [event.text async for event in ops.watch(run.id)]
    ended = await ops.get_run(run.id)
    return Outcome(ended.state is RunState.SUCCEEDED, refused, "\n".join([*events, repr(ended.error)]))


def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()


def _written(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value}s" if name == "timeout" else str(value)
