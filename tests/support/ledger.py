"""An action whose effect can be counted: each step appends its path to a file, as a mutation would go to a cluster.

It stands behind the engine's own seams (`ActionBook`, `Clusters`), so that what is tested is the engine alone. Its
params say what happens on the way: waits, failures, a process that stops itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, cast

import msgspec

from k8sops.core.clock import Clock
from k8sops.core.errors import ConflictError, UnreachableError, UsageError
from k8sops.core.events import Emission
from k8sops.core.journal import Journal, Settled
from k8sops.core.params import Params, option
from k8sops.core.plan import ClusterInfo, Finding, Plan, Requirement, Step, Target
from k8sops.core.ports import Action, Cluster, ClusterReader
from k8sops.core.risk import Risk
from k8sops.engine.port import KnownAction

CLUSTER = ClusterInfo(context="demo", server="https://127.0.0.1:1", uid="c-1", name="demo")
FREE = ".free"
AWAKE = ".awake"


class LedgerParams(Params):
    """How many lines, where, and what happens on the way. Steps are counted from 0; -1 is none of them."""

    ledger: str = option("The file.")
    items: int = option("How many steps.", default=3)
    targets: str = option("Prefix of what the steps change.", default="item")
    cluster: str = option("The cluster's uid.", default=CLUSTER.uid)
    blocked: bool = option("Whether the plan has a blocker.", default=False)
    step_s: float = option("How long each step takes.", default=0.0)
    pause_s: float = option("A durable pause before the last step.", default=0.0)
    waits_for: str = option("A file that has to be there before the last step.", default="")
    signal: str = option("A signal that has to come before the last step.", default="")
    wait_s: float = option("How long to wait for either.", default=600.0)
    hang_at: int = option(
        "The step that never returns, until `free`: then for whoever comes to it.", default=-1
    )
    stop_at: int = option("The step in which the process stops itself (SIGSTOP).", default=-1)
    fail_at: int = option("The step the cluster refuses.", default=-1)
    lose_at: int = option("The step whose answer is lost.", default=-1)
    arrives: bool = option("Whether the change came through whose answer was lost.", default=True)
    break_at: int = option("The step that has a defect.", default=-1)
    swallow: bool = option("Go on after whatever exception a step raises.", default=False)
    bulk: bool = option("One step whose lines are its parts.", default=False)
    recalls: bool = option("Tell at the end which parts are on record.", default=False)
    branches: bool = option("All steps at once.", default=False)
    gives_back: bool = option("Write a last line when the run is cancelled.", default=False)
    progress: bool = option("Tell progress before each step.", default=False)
    tells: str = option("Data of a note before the last step, as JSON.", default="")
    settles: str = option("What a look at the cluster says of a step in doubt.", default="")


class Ledger:
    """Appends one line for each step."""

    name: ClassVar[str] = "ledger"
    version: ClassVar[int] = 1

    async def plan(self, params: LedgerParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """One step for each line; the file's marker, if any, is the fact the plan rests on."""
        fact = _marker(params.ledger)
        steps = tuple(_step(params.targets, index) for index in range(1 if params.bulk else params.items))
        blocker = Finding(level="blocker", code="test", text="something is in the way", override="--anyway")
        return Plan(
            action=self.name,
            action_version=self.version,
            summary=f"Safe: {params.items} lines are written.",
            cluster=ClusterInfo(context="demo", server=CLUSTER.server, uid=params.cluster, name="demo"),
            params=params.model_dump(mode="json"),
            steps=steps,
            findings=(blocker,) if params.blocked else (),
            requires=tuple(Requirement(target=step.target, fact="marker", value=fact) for step in steps[:1]),
            made_at=clock.now(),
            expires_at=clock.now() + timedelta(hours=1),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Write the lines through the journal."""
        params = LedgerParams.model_validate(plan.params)
        writer = cast("LedgerWriter", cluster)
        try:
            await self._lines(plan, params, writer, journal)
        except asyncio.CancelledError:
            if params.gives_back:
                await writer.append(params.ledger, "given-back")
            raise

    async def _lines(self, plan: Plan, params: LedgerParams, writer: LedgerWriter, journal: Journal) -> None:
        if params.bulk:
            await journal.step(plan.steps[0], lambda: _parts(params, writer, journal, plan.steps[0]))
            return
        if params.branches:
            async with asyncio.TaskGroup() as branches:
                for index in range(len(plan.steps)):
                    branches.create_task(self._line(plan, params, writer, journal, index))
            return
        for index in range(len(plan.steps)):
            await self._line(plan, params, writer, journal, index)

    async def _line(
        self, plan: Plan, params: LedgerParams, writer: LedgerWriter, journal: Journal, index: int
    ) -> None:
        if index == len(plan.steps) - 1:
            await _wait(params, journal)
            if params.tells:
                data = msgspec.json.decode(params.tells)
                await journal.tell(Emission(kind="note", text="something was made", data=data))
        if params.progress:
            told = {"done": index, "total": len(plan.steps), "unit": "lines"}
            await journal.tell(Emission(kind="progress", text=f"{index} lines", data=told))
        step = plan.steps[index]
        try:
            await journal.step(step, _doing(params, writer, index, step), settle=_settle(params.settles))
        except Exception:
            if not params.swallow:
                raise


class OnceLedger(Ledger):
    """The same, but a line must not be written twice."""

    name: ClassVar[str] = "once"


def _doing(
    params: LedgerParams, writer: LedgerWriter, index: int, step: Step
) -> Callable[[], Awaitable[str]]:
    async def line() -> str:
        if index == params.stop_at and not _is_there(params.ledger + FREE):
            os.kill(os.getpid(), signal.SIGSTOP)
        if index == params.hang_at and not _is_there(params.ledger + FREE):
            await _awoken(params.ledger)
        if index == params.fail_at:
            raise ConflictError(f"{step.target.label}: changed by somebody else")
        if index == params.break_at:
            raise RuntimeError("a defect")
        if index != params.lose_at or params.arrives:
            await writer.append(params.ledger, step.id)
        if index == params.lose_at:
            raise UnreachableError(f"{step.target.label}: the connection was lost", outcome_unknown=True)
        if params.step_s:
            await asyncio.sleep(params.step_s)
        return f"line {index} is written"

    return line


async def _parts(params: LedgerParams, writer: LedgerWriter, journal: Journal, step: Step) -> str:
    for index in range(params.items):
        if index == params.items - 1:
            await _wait(params, journal)
        part = msgspec.structs.replace(step, id=f"{step.id}/{index}")
        settle = _settle(params.settles)
        await journal.part(part.id, step.target, _doing(params, writer, index, part), settle=settle)
    if params.recalls:
        known = ", ".join(f"{path} {result}" for path, result in journal.results_below(step.id).items())
        await journal.tell(Emission(kind="note", text=f"on record: {known}"))
    return f"{params.items} lines are written"


async def _wait(params: LedgerParams, journal: Journal) -> None:
    if params.pause_s:
        await journal.pause("ledger/pause", params.pause_s)
    if params.waits_for:

        async def there() -> str:
            return "" if _is_there(params.waits_for) else f"{params.waits_for} is not there"

        await journal.wait_until("ledger/file", there, every_s=0.1, deadline_s=params.wait_s)
    if params.signal:
        sent = await journal.wait_signal(params.signal, waiting_for="a nod", deadline_s=params.wait_s)
        await journal.tell(Emission(kind="note", text=f"the signal said {sent['word']}"))


async def _awoken(ledger: str) -> None:
    while True:
        if _is_there(ledger + AWAKE):
            return
        await asyncio.sleep(0.02)


def _marker(ledger: str) -> str:
    marker = Path(f"{ledger}.marker")
    return marker.read_text() if marker.exists() else "none"


def _is_there(path: str) -> bool:
    return Path(path).exists()


def _settle(answer: str) -> Callable[[], Awaitable[Settled]] | None:
    async def settled() -> Settled:
        if answer == "away":
            raise UnreachableError("the cluster is away")
        return cast("Settled", answer)

    return settled if answer else None


def _step(prefix: str, index: int) -> Step:
    target = Target(kind="lines", name=f"{prefix}-{index}")
    return Step(
        id=f"ledger/{prefix}:{index:04}",
        verb="write",
        target=target,
        why="asked for",
        before={"written": False},
        after={"written": True},
        risk=Risk.LOW,
    )


class LedgerWriter:
    """The mutation: one line, appended in one system call, only if the gate lets it out."""

    def __init__(self, gate: Callable[[], Awaitable[None]]) -> None:
        self._gate = gate

    async def append(self, ledger: str, line: str) -> None:
        """Append the line with the pid of who wrote it."""
        await self._gate()
        descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, f"{line} {os.getpid()}\n".encode())
        finally:
            os.close(descriptor)


class LedgerClusters:
    """`engine.port.Clusters` on files."""

    def reader(self, cluster_uid: str) -> ClusterReader:
        """Planning needs none."""
        return cast("ClusterReader", None)

    async def writer(
        self, cluster_uid: str, run: str, execute_as: str, gate: Callable[[], Awaitable[None]]
    ) -> Cluster:
        """The writer under the gate."""
        return cast("Cluster", LedgerWriter(gate))


class LedgerBook:
    """`engine.port.ActionBook` with the two ledgers."""

    def __init__(self) -> None:
        self._actions: dict[str, Action[Any]] = {"ledger": Ledger(), "once": OnceLedger()}

    def known(self) -> tuple[KnownAction, ...]:
        """Both."""
        return tuple(self.named(name) for name in self._actions)

    def named(self, name: str) -> KnownAction:
        """Its declaration."""
        if name not in self._actions:
            raise UsageError(f"there is no action {name!r}")
        return KnownAction(name=name, version=1, idempotent=name == "ledger", policy_key="test.ledger")

    def load(self, name: str) -> Action[Any]:
        """The action."""
        return self._actions[name]

    def params(self, name: str, values: dict[str, Any]) -> LedgerParams:
        """Validated."""
        return LedgerParams.model_validate(values)


def free(ledger: Path) -> None:
    """From now on the step that hangs does not; who hangs already, stays."""
    ledger.with_name(ledger.name + FREE).touch()


def awake(ledger: Path) -> None:
    """Whoever hangs goes on."""
    ledger.with_name(ledger.name + AWAKE).touch()


def lines_of(ledger: Path) -> list[str]:
    """The step paths that were written, in order."""
    if not ledger.exists():
        return []
    return [line.split()[0] for line in ledger.read_text().splitlines()]


def writers_of(ledger: Path) -> list[int]:
    """The processes that wrote them."""
    return [int(line.split()[1]) for line in ledger.read_text().splitlines()]
