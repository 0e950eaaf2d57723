"""Secrets out of lines as they come, with the redactor the program has."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8sops.redact import TextRedactor, load_redactor
from k8sops.service.loglines.lines import Lines
from k8sops.service.loglines.printing import LineStyle
from k8sops.service.loglines.redacting import LineRedactor
from tests.service.loglines.made_up import WEB_2, line, marker

KEY = ("-----BEGIN PRIVATE KEY-----", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "-----END PRIVATE KEY-----")


@pytest.fixture
def redactor(tmp_path: Path) -> LineRedactor:
    """Under a key of the test's own."""
    return LineRedactor(TextRedactor(load_redactor(tmp_path / "redaction.key")).stream)


def test_a_secret_never_leaves_and_its_line_does(redactor: LineRedactor) -> None:
    """In its place, with its neighbours."""
    lines = [
        line("one"),
        line("login password=hunter2hunter2 ok"),
        marker("a gap"),
        line("three", stream=WEB_2),
    ]
    out = redactor.redacted(lines)
    assert [entry.text for entry in out if not entry.text.startswith("login")] == ["one", "a gap", "three"]
    assert "hunter2" not in out[1].text
    assert out[1].text.endswith("ok")
    assert [entry.at for entry in out] == [entry.at for entry in lines]


def test_a_private_key_is_found_though_other_pods_speak_between_its_lines(redactor: LineRedactor) -> None:
    """Streams are texts of their own; a batch ends where it likes."""
    out = []
    for part in KEY:
        out += redactor.redacted([line(part), line("elsewhere", stream=WEB_2)])
    out += redactor.rest()
    assert len(out) == 6
    assert not any("MIIEvQIB" in entry.text for entry in out)


def test_what_is_held_back_comes_at_the_end(redactor: LineRedactor) -> None:
    """Below `data:` only the kind tells whether it is a Secret's; no line is lost waiting for it."""
    lines = Lines(LineStyle(output="raw"), redactor=redactor)
    said = ["apiVersion: v1", "data:", "  key: aHVudGVyMmh1bnRlcjI=", "kind: Secret"]
    text = lines.printed([line(one) for one in said]).text + lines.rest().text
    assert len(text.splitlines()) == 4
    assert "aHVudGVy" not in text
