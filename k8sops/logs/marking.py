"""The sentences that stand between a log's lines: what became of its container, and what is missing."""

from __future__ import annotations

from k8sops.core.logs import moment_of
from k8sops.logs.containers import ContainerState


def ended_said(state: ContainerState) -> str:
    """`the container ended: exit code 1 (Error) at 03:12:01; CrashLoopBackOff: it will begin anew`."""
    if state.ended is None:
        return "the container ended"
    waits = f"; {state.waiting}: it will begin anew" if state.waiting else ""
    return f"the container ended: {state.ended.said}{waits}"


def gap_said(after: int, until: int, why: str) -> str:
    """`lines may be missing from 03:12:01.250 to 03:12:09.001 (UTC): the log was rotated`."""
    begin = f"from {_clock(after)}" if after else "from the beginning"
    end = f"to {_clock(until)}" if until else "on"
    return f"lines may be missing {begin} {end} (UTC): {why}"


def _clock(at: int) -> str:
    return f"{moment_of(at):%H:%M:%S}.{at // 1_000_000 % 1000:03d}"
