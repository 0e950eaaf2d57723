"""What a button means: its action's id, and a value that names run, plan and cluster.

The value comes back from outside and is read as such; what it says is checked against the store by whoever acts on it.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from k8sops.core.errors import UsageError
from k8sops.core.run import Run

APPROVE: Final = "run.approve"
DENY: Final = "run.deny"
DETAILS: Final = "run.details"
APPLY: Final = "run.apply"
APPLY_NAMED: Final = "run.apply.named"
"""Asks for the cluster's name first. Told apart by its id: a dialog that waited for the store would open too late."""
CANCEL: Final = "run.cancel"
UNDO: Final = "run.undo"
AGAIN: Final = "run.again"
NUDGE: Final = "run.nudge"
SETTLE: Final = "run.settle."
"""Followed by `done`, `retry` or `abandon`."""

SHOW: Final = "shortcut.run"
"""In a message's menu: the run it is about."""

_VALUE: Final = re.compile(r"([0-9A-Za-z_-]{6,64}) ([0-9a-f]{64}) ([0-9A-Za-z._:-]{0,253})")


class Click(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly one plan of one run."""

    run: str
    digest: str
    cluster: str
    """The uid of the plan's cluster: which of many to ask."""

    @property
    def value(self) -> str:
        """As a button carries it."""
        return f"{self.run} {self.digest} {self.cluster}"


def click_on(run: Run) -> Click:
    """What the buttons of a run's card carry."""
    return Click(run=run.id, digest=run.plan.digest, cluster=run.plan.cluster.uid)


def read_click(value: str) -> Click:
    """What was clicked on. Raises UsageError for what no card of ours carries."""
    match = _VALUE.fullmatch(value)
    if match is None:
        raise UsageError("this button is not one of ours", hint="open the run anew")
    return Click(run=match[1], digest=match[2], cluster=match[3])
