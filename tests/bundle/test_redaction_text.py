"""The report on redaction is read by whoever answers for handing a bundle on: what, how often, where; no value."""

from __future__ import annotations

from k8sops.bundle.index import Redaction
from k8sops.bundle.redacted import redaction_of
from k8sops.bundle.redaction_text import SHOWN, redaction_text
from k8sops.redact import KeyedRedactor, TextRedactor
from k8sops.redact.report import Tally

REDACTOR = TextRedactor(KeyedRedactor(bytes(32)))


def taken_out(*texts: str) -> list[tuple[str, Tally]]:
    """What the real redaction finds in files `0.log`, `1.log`, …"""
    found = []
    for number, text in enumerate(texts):
        stream = REDACTOR.stream()
        stream.feed(text.encode())
        stream.finish()
        found.append((f"{number}.log", stream.tally))
    return found


def test_each_rule_is_told_with_its_places_and_no_value() -> None:
    """Those that took out most come first."""
    text = redaction_text(
        redaction_of(True, taken_out("x\npassword=hunter2\nsecret=f00ba4\n", "a password=hunter3\n"))
    )
    assert text.startswith("3 secrets were taken out, by 2 rules.")
    assert "\n\npassword: 2\n  0.log:2\n  1.log:1\n\nsecret: 1\n  0.log:3\n" in text
    assert "hunter" not in text
    assert "f00ba4" not in text


def test_of_many_places_some_are_shown_and_all_are_counted() -> None:
    """A file that is all secrets must not become a list as long."""
    text = redaction_text(redaction_of(True, taken_out("password=hunter2\n" * (SHOWN + 7))))
    assert text.count("0.log:") == SHOWN
    assert text.endswith("  and 7 more places\n")


def test_that_nothing_was_found_or_looked_for_is_said() -> None:
    """An empty report would leave open which of the two it was."""
    assert redaction_text(Redaction(on=True)).strip() == "No secret was found in this bundle."
    assert "made without redaction" in redaction_text(Redaction(on=False))
