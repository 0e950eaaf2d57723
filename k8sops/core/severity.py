"""How the words of a status column are judged, at every door: a table from word to severity, and each one's glyph.

A word this table does not know is neutral, never guessed good or bad. The glyph stands beside the word so that a
screen without colour, or an eye without it, reads the same.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final


class Severity(StrEnum):
    """How a status is to be read; also the suffix of the component class that colours it."""

    NEUTRAL = "neutral"
    OK = "ok"
    DONE = "done"
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"


GLYPHS: Final[dict[Severity, str]] = {
    Severity.NEUTRAL: " ",
    Severity.OK: "✓",
    Severity.DONE: "-",
    Severity.BUSY: "~",
    Severity.WARN: "!",
    Severity.BAD: "✗",
}

_RANK: Final[list[Severity]] = list(Severity)

_WORDS: Final[dict[str, Severity]] = {
    word: severity
    for severity, words in {
        Severity.OK: "Running Ready Active Bound Available Normal Established Healthy Deployed Synced Approved True",
        Severity.DONE: "Completed Complete Succeeded SuccessCriteriaMet Released",
        Severity.BUSY: "ContainerCreating PodInitializing Terminating Progressing Provisioning Creating Updating "
        "Reconciling InProgress",
        Severity.WARN: "Pending Warning SchedulingDisabled SchedulingGated Suspended Unknown Degraded OutOfSync "
        "ContainerStatusUnknown NotTriggerScaleUp",
        Severity.BAD: "Failed Error Evicted OOMKilled NotReady Lost NodeLost Unschedulable DeadlineExceeded "
        "BackoffLimitExceeded ContainerCannotRun InvalidImageName Shutdown NodeShutdown NodeAffinity Denied False "
        "Unhealthy Preempting FailedCreate Stuck",
    }.items()
    for word in words.split()
} | {
    # The states of our own runs, in small letters as every door writes them.
    "proposed": Severity.WARN,
    # Those of a Helm release.
    "deployed": Severity.OK,
    "superseded": Severity.DONE,
    "uninstalled": Severity.DONE,
    "uninstalling": Severity.BUSY,
    "pending-install": Severity.BUSY,
    "pending-upgrade": Severity.BUSY,
    "pending-rollback": Severity.BUSY,
    "awaiting approval": Severity.WARN,
    "queued": Severity.BUSY,
    "running": Severity.BUSY,
    "succeeded": Severity.OK,
    "failed": Severity.BAD,
    "cancelled": Severity.DONE,
    "needs review": Severity.BAD,
    "denied": Severity.BAD,
    "expired": Severity.DONE,
    "void": Severity.WARN,
    # Of schedules and their firings, of backups, and of what policy answers.
    "active": Severity.OK,
    "paused": Severity.WARN,
    "skipped": Severity.DONE,
    "replaced": Severity.DONE,
    "claimed": Severity.BUSY,
    "complete": Severity.OK,
    "INCOMPLETE": Severity.BAD,
    "unreadable": Severity.BAD,
    "allowed": Severity.OK,
    "to confirm": Severity.OK,
    "needs approval": Severity.WARN,
}

# Reasons the kubelet makes up by pattern: ErrImagePull, ImagePullBackOff, CreateContainerConfigError, OutOfcpu,
# ExitCode:137, Signal:9 (pkg/printers/internalversion/printers.go, pkg/kubelet/images, pkg/kubelet/lifecycle).
_BAD_PATTERN: Final = re.compile(r"Err\w+|\w*(?:BackOff|Error|Failed)|OutOf\w+|(?:ExitCode|Signal):\d+")
_INIT_PROGRESS: Final = re.compile(r"\d+/\d+")
_INCOMPLETE: Final = re.compile(r"(\d+)/(\d+)")


@lru_cache(maxsize=1024)
def severity_of(status: str) -> Severity:
    """The severity of a status cell; of several words, as in `Ready,SchedulingDisabled`, the worst."""
    return max((_of_word(word) for word in status.split(",")), key=_RANK.index)


def is_incomplete(ratio: str) -> bool:
    """Whether a READY cell such as `1/2` lacks something."""
    match = _INCOMPLETE.fullmatch(ratio)
    return match is not None and int(match[1]) < int(match[2])


def _of_word(word: str) -> Severity:
    word = word.strip().removeprefix("Init:")
    if word in _WORDS:
        return _WORDS[word]
    if _BAD_PATTERN.fullmatch(word):
        return Severity.BAD
    return Severity.BUSY if _INIT_PROGRESS.fullmatch(word) else Severity.NEUTRAL
