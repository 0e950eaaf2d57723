"""Exports for other systems: well-formed for them, and each event leads back to its record."""

from __future__ import annotations

import json
import re
from datetime import datetime

import pytest

from k8sops.audit.cloudevents import cloudevent_lines
from k8sops.audit.codes import CODES
from k8sops.audit.ocsf import ocsf_lines
from k8sops.audit.record import open_record, record_hash
from k8sops.core.audit import AuditEntry
from k8sops.core.errors import AuditError
from tests.audit.chains import NOW, STORE, a_chain, an_entry, chain_of

ROWS = [
    *a_chain(len(CODES)),
]
BARE = chain_of([AuditEntry(code="carrier.gone", at=NOW)])


def test_cloudevents_have_what_the_specification_asks_for() -> None:
    """CloudEvents 1.0.2: required attributes, no empty ones, names of lower-case letters and digits, RFC 3339 times."""
    for line in cloudevent_lines([*ROWS, *BARE], STORE):
        event = json.loads(line)
        assert {"specversion", "id", "source", "type"} <= event.keys()
        assert event["specversion"] == "1.0"
        data = event.pop("data")
        assert all(
            re.fullmatch("[a-z0-9]{1,20}", name) and isinstance(text, str) and text
            for name, text in event.items()
        )
        assert datetime.fromisoformat(event["time"]).tzinfo is not None
        assert int(event["sequence"]) == data["seq"]


def test_ocsf_events_have_what_api_activity_asks_for() -> None:
    """OCSF 1.6.0, class 6003: required attributes and the constraints of the objects in it."""
    for line in ocsf_lines([*ROWS, *BARE], STORE):
        event = json.loads(line)
        assert {
            "activity_id", "actor", "api", "category_uid", "class_uid", "metadata", "severity_id", "src_endpoint",
            "time", "type_uid",
        } <= event.keys()  # fmt: skip
        assert event["type_uid"] == 6003 * 100 + event["activity_id"]
        assert event["activity_id"] in {1, 2, 3, 4, 99}
        assert event["metadata"]["version"] == "1.6.0"
        assert event["metadata"]["product"]["name"]
        assert event["api"]["operation"] == event["metadata"]["event_code"]
        assert event["actor"].keys() & {"user", "app_name"}
        assert isinstance(event["time"], int)
        assert (event["status_id"] == 99) <= bool(event["status"])


def test_ocsf_tells_success_from_failure_and_says_how_loud_it_is() -> None:
    """An alarm on failed or broken-glass changes is why a SIEM wants these."""
    rows = chain_of(
        [
            an_entry(code="step.outcome", outcome="done"),
            an_entry(code="step.outcome", outcome="failed"),
            an_entry(code="step.intent", outcome=""),
            an_entry(code="break_glass.used", outcome="half"),
            an_entry(code="session.secret_view", outcome=""),
        ]
    )
    events = [json.loads(line) for line in ocsf_lines(rows, STORE)]
    assert [event["status_id"] for event in events] == [1, 2, 0, 99, 0]
    assert [event["activity_id"] for event in events] == [3, 3, 3, 99, 2]
    assert [event["severity_id"] for event in events] == [1, 1, 1, 4, 3]


@pytest.mark.parametrize("lines", [cloudevent_lines, ocsf_lines])
def test_every_event_leads_back_to_its_record(lines: object) -> None:
    """The event proves nothing by itself: its hash is looked up in the chain."""
    for row, line in zip(ROWS, lines(ROWS, STORE), strict=True):  # type: ignore[operator]
        event = json.loads(line)
        found = event.get("unmapped", {}).get("record_hash") or event["audithash"]
        assert found == row[1] == record_hash(row[2])
        whole = event.get("unmapped", {}).get("record") or event["data"]
        assert whole == json.loads(row[2])
        assert row[2] in line
        assert line.count(b"\n") == 1
        assert open_record(row[2]).code in line.decode()


def test_bytes_that_are_no_record_are_not_forwarded() -> None:
    """A forwarder must not turn harm into an event that looks like any other."""
    for lines in (cloudevent_lines, ocsf_lines):
        with pytest.raises(AuditError):
            list(lines([(1, "a" * 64, b"{}")], STORE))
