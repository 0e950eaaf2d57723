"""The documents every door prints."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from k8sops.core.documents import run_document
from k8sops.core.events import Progress
from tests.tui.fake_runs import a_run


def test_what_a_run_waits_for_says_since_when() -> None:
    """A document is read at any time: the moment in it stays true, an age would not."""
    since = datetime(2026, 11, 22, 3, 14, 5, tzinfo=UTC)
    waiting = Progress(waiting_for="payments-pdb: 0 disruptions allowed", waiting_since=since)
    progress = run_document(msgspec.structs.replace(a_run("01M7YJ0000000000000000000A"), progress=waiting))[
        "progress"
    ]
    assert progress["waiting_for"] == "payments-pdb: 0 disruptions allowed, since 03:14:05 UTC"
    assert progress["waiting_since"] == "2026-11-22T03:14:05.000Z"
    idle = run_document(msgspec.structs.replace(a_run("01M7YJ0000000000000000000A"), progress=Progress()))[
        "progress"
    ]
    assert idle["waiting_for"] == ""
