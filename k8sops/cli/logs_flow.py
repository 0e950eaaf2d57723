"""How `k8sops logs` goes: batches of lines from the service to stdout, narration to stderr.

At most two batches are held here. What stdout does not take is not asked for, down to the kubelet's connections.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Final

from k8sops.core.errors import ExitCode, K8sOpsError

if TYPE_CHECKING:
    from k8sops.cli.logs_output import Out
    from k8sops.cli.logs_telling import Teller
    from k8sops.core.log_selection import LogFollow
    from k8sops.core.logs import LogEntry
    from k8sops.service.config import Config
    from k8sops.service.loglines.lines import Lines

TICK_S: Final = 1.0
QUIET_TICKS: Final = 10
"""So many without a line, and what is counted is told."""


async def follow_logs(config: Config, asked: dict[str, Any]) -> int:
    """Show what is asked for, to its end or until it is interrupted; returns the exit code."""
    # The reader (`| head`) has had enough, which is no failure; click would make one of it.
    with suppress(BrokenPipeError):
        return await _follow(config, asked)
    return ExitCode.DONE


async def _follow(config: Config, asked: dict[str, Any]) -> int:
    from k8sops.cli.logs_options import selection_of, span_of, style_of, wants_colour
    from k8sops.cli.logs_output import stdout
    from k8sops.cli.logs_telling import Teller
    from k8sops.core.clock import SystemClock
    from k8sops.core.log_levels import level_named
    from k8sops.service import open_ops
    from k8sops.service.loglines.folding import Folder
    from k8sops.service.loglines.lines import Lines
    from k8sops.service.loglines.redacting import line_redactor

    clock = SystemClock()
    span = span_of(asked, clock.now())
    style = style_of(asked, colour=wants_colour(asked["color"]), at_terminal=sys.stdout.isatty())
    lines = Lines(
        style,
        include=asked["include"],
        exclude=asked["exclude"],
        least=level_named(asked["level"]),
        folder=Folder(clock) if asked["fold"] else None,
        redactor=await line_redactor(config) if asked["redact"] else None,
    )
    teller = Teller(quiet=asked["quiet"], follows=span.goes_on, zone=style.zone)
    async with open_ops(config) as ops:
        follow = ops.follow(selection_of(asked, ops.default_namespace), span)
        interrupted = False
        try:
            await show(follow, lines, stdout(), teller)
        except asyncio.CancelledError:
            interrupted = True
            teller.interrupted()
        failed = teller.end(follow.summary, lines.remarks())
    if interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.FAILED if failed else ExitCode.DONE


async def show(follow: LogFollow, lines: Lines, out: Out, teller: Teller) -> None:
    """Write batches as they come, until no more can come.

    Raises what reading raises, and BrokenPipeError where nobody reads stdout any more.
    """
    waiting: asyncio.Queue[Sequence[LogEntry]] = asyncio.Queue(1)
    # A task of its own: only it iterates, so that what the iteration holds is entered and left in one place.
    reader = asyncio.create_task(_read(follow, waiting))
    ticks = 0
    try:
        while not (reader.done() and waiting.empty()):
            batch = await _next(waiting, reader)
            teller.failed(follow.summary.errors)
            if batch is not None:
                ticks = 0
                teller.came(batch)
                printed = lines.printed(batch)
            else:
                ticks += 1
                out.check()
                teller.progress(follow.progress)
                if ticks % QUIET_TICKS:
                    continue
                printed = lines.quiet()
            if printed.text:
                await out.write(printed.text)
            teller.aside(printed.aside)
    finally:
        reader.cancel()
        (ended,) = await asyncio.gather(reader, return_exceptions=True)
        await _rest(lines, out, teller)
    if isinstance(ended, K8sOpsError):
        raise ended


async def _read(follow: LogFollow, waiting: asyncio.Queue[Sequence[LogEntry]]) -> None:
    async with aclosing(follow.batches()) as batches:
        async for batch in batches:
            await waiting.put(batch)


async def _next(
    waiting: asyncio.Queue[Sequence[LogEntry]], reader: asyncio.Task[None]
) -> Sequence[LogEntry] | None:
    """The next batch; None where none comes within a second, or the last one came."""
    getting = asyncio.ensure_future(waiting.get())
    try:
        await asyncio.wait({getting, reader}, timeout=TICK_S, return_when=asyncio.FIRST_COMPLETED)
        return getting.result() if getting.done() else None
    finally:
        getting.cancel()


async def _rest(lines: Lines, out: Out, teller: Teller) -> None:
    """What is still counted or held back; an end does not wait long for a reader who stands still."""
    printed = lines.rest()
    teller.aside(printed.aside)
    with suppress(TimeoutError, BrokenPipeError):
        async with asyncio.timeout(TICK_S):
            await out.write(printed.text)
