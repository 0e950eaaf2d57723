"""A team's own rules apply on top of the built-in ones; one that cannot be used is refused by name, at once."""

from __future__ import annotations

import msgspec
import pytest

from k8sops.core.errors import UsageError
from k8sops.redact import KeyedRedactor, RedactionRule, RedactionSettings, TextRedactor
from tests.redact.support import TOKEN


def redactor(**chosen: object) -> TextRedactor:
    return TextRedactor(KeyedRedactor(bytes(32)), msgspec.convert(chosen, RedactionSettings))


def own(pattern: str, name: str = "order") -> TextRedactor:
    return TextRedactor(
        KeyedRedactor(bytes(32)), RedactionSettings(rules=(RedactionRule(name=name, pattern=pattern),))
    )


def test_an_own_rule_takes_out_what_it_matches_or_its_group() -> None:
    """What is secret in a company only the company knows."""
    assert own(r"ord_[0-9]{6}").redact("got ord_123456 twice").startswith("got redacted:")
    text = own(r"customer=([a-z]+)").redact("customer=smith customer=jones")
    assert text.startswith("customer=redacted:")
    assert "jones" not in text


def test_an_own_rule_is_told_in_the_report_under_its_name() -> None:
    """So that whoever wrote it sees that it works."""
    stream = own(r"ord_[0-9]{6}").stream()
    stream.feed(b"a\nb ord_123456\n")
    stream.finish()
    assert stream.tally.lines == {"order": [2]}


@pytest.mark.parametrize("pattern", [r"^x[^y]*y$", r"[^a]+b", r"(?s)x.*y"])
def test_an_own_rule_never_reaches_beyond_a_line(pattern: str) -> None:
    """How a stream is cut must not matter."""
    text = "x1\ny\nx2y\n\nab\n"
    stream = own(pattern).stream()
    pieces = b"".join(stream.feed(text[at : at + 1].encode()) for at in range(len(text))) + stream.finish()
    assert pieces.decode() == own(pattern).redact(text)
    assert pieces.count(b"\n") == text.count("\n")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "missing"),
        ("(?=x)y", "perl"),
        (r"(a)\1", "escape"),
        ("a*", "nothing"),
        ("(a)(b)", "group"),
        (r"\Ax", "beyond a line"),
        ("x" * 2000, "longer"),
        ("ä{2000}", "repetition"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_with_its_name(pattern: str, why: str) -> None:
    """It is told when the configuration is read, not in the middle of an incident."""
    with pytest.raises(UsageError, match="order") as refused:
        own(pattern)
    assert why in str(refused.value).lower()


def test_a_name_that_is_no_name_is_refused() -> None:
    """It stands in reports."""
    with pytest.raises(UsageError, match="Order 1"):
        own("x", name="Order 1")


def test_allowed_values_stay() -> None:
    """The example password of the documentation is nobody's secret."""
    chosen = redactor(allow=["hunter2"], allow_patterns=["demo-[a-z]+"])
    text = chosen.redact("password=hunter2 token=demo-abc secret=f00ba4")
    assert text.startswith("password=hunter2 token=demo-abc secret=redacted:")
    with pytest.raises(UsageError, match="allowed"):
        redactor(allow_patterns=["("])


def test_addresses_are_taken_out_only_where_it_is_asked_for() -> None:
    """An incident is rarely told without them, a bundle for a vendor often is."""
    text = "mail a.b@example.org from 10.0.3.4 and 2001:db8::1 at 127.0.0.1:80 of v1.2.3\n"
    plain = TextRedactor(KeyedRedactor(bytes(32)))
    assert plain.redact(text) == text
    hidden = redactor(emails=True, addresses=True).redact(text)
    for secret in ("a.b@", "10.0.3.4", "2001:db8"):
        assert secret not in hidden
    assert "127.0.0.1:80" in hidden
    assert "v1.2.3" in hidden
    assert hidden.count("redacted:") == 3


def test_an_unknown_setting_is_refused() -> None:
    """A setting that is silently ignored is worse than none."""
    with pytest.raises(msgspec.ValidationError):
        redactor(email=True)


def test_what_an_own_rule_has_taken_out_is_not_taken_out_again() -> None:
    """A token of a token could be compared with nothing."""
    text = own(r"hunter[0-9]").redact("password=hunter2")
    assert text == own(r"hunter[0-9]").redact(text)
    assert text == f"password={KeyedRedactor(bytes(32)).digest('hunter2')[: len(TOKEN) and 21]}"
