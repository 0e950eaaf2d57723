"""A log's lines are led by what its writer puts before them, and a log may be read from the middle of something."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.core.redaction import TextForm
from k8sops.redact import KeyedRedactor, TextRedactor
from tests.redact.support import CORPUS, TOKEN, Sample, samples

REDACTOR = TextRedactor(KeyedRedactor(bytes(32)))
SECRETS = list(samples(*sorted(file.name for file in CORPUS.glob("*.txt") if file.name != "harmless.txt")))
OVER_LINES = [sample for sample in SECRETS if "\n" in sample.text]
HARMLESS = list(samples("harmless.txt"))
LEADS = {
    TextForm.STAMPED_LOG: re.compile(r"(?m)^2026-\S+ "),
    TextForm.RUNTIME_LOG: re.compile(r"(?m)^2026-\S+ stdout F "),
    TextForm.JOURNAL: re.compile(r"(?m)^Nov 22 \S+ node-1 kubelet\[812\]: "),
}
each_form = pytest.mark.parametrize("form", LEADS, ids=lambda form: form.value)


def redacted(text: str, form: TextForm, cuts: tuple[int, ...] = ()) -> str:
    data = text.encode()
    stream = REDACTOR.stream(form)
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [stream.feed(data[start:end]) for start, end in pairwise(places)]
    return (b"".join(pieces) + stream.finish()).decode()


def led(form: TextForm, text: str) -> str:
    """The text's lines as a log of that form has them."""
    at = datetime(2026, 11, 22, 21, 35, 49, tzinfo=UTC)
    lines = []
    for number, line in enumerate(text.splitlines(keepends=True)):
        match form:
            case TextForm.STAMPED_LOG:
                zone = "+02:00" if number % 5 == 4 else "Z"
                lead = f"{at:%Y-%m-%dT%H:%M:%S}.{number:09d}{zone} "
            case TextForm.RUNTIME_LOG:
                lead = f"{at:%Y-%m-%dT%H:%M:%S}.{number + 1}Z stdout F "
            case _:
                lead = f"{at:%b %d %H:%M:%S}.{number:06d} node-1 kubelet[812]: "
        lines.append(f"{lead}{line}")
    return "".join(lines)


@each_form
@pytest.mark.parametrize("sample", OVER_LINES, ids=lambda sample: sample.name)
def test_a_lead_before_each_line_hides_no_secret_that_goes_over_lines(sample: Sample, form: TextForm) -> None:
    """A manifest printed to a log was left whole: no line of it began where it seemed to, nor was it indented."""
    text = led(form, sample.text)
    done = redacted(text, form)
    assert sample.becomes.fullmatch(LEADS[form].sub("", done)), done
    assert LEADS[form].findall(done) == LEADS[form].findall(text)


@each_form
def test_what_is_harmless_stays_as_it_is_behind_a_lead(form: TextForm) -> None:
    """The same one in a hundred."""
    texts = {sample.name: led(form, sample.text) for sample in HARMLESS}
    wrong = [name for name, text in texts.items() if redacted(text, form) != text]
    assert len(wrong) <= len(HARMLESS) // 100, wrong


def test_a_line_without_its_lead_and_one_on_which_nothing_was_said_are_lines_like_others() -> None:
    """A writer that leaves it out, an empty line: neither shifts what is taken out."""
    at = "2026-11-22T21:35:49Z"
    text = f"password: |\n  hunter2\n{at} password: |\n{at}\n{at}   hunter2\n"
    done = redacted(text, TextForm.STAMPED_LOG)
    assert re.sub(TOKEN, "hunter2", done) == text
    assert "hunter2" not in done


@given(st.lists(st.sampled_from(OVER_LINES), max_size=4), st.lists(st.integers(0, 10**6), max_size=8))
@settings(deadline=None, max_examples=60)
def test_it_does_not_matter_how_a_led_log_is_cut(some: list[Sample], cuts: list[int]) -> None:
    """Pieces end within a stamp as well."""
    text = led(TextForm.STAMPED_LOG, "\n".join(sample.text for sample in some))
    assert redacted(text, TextForm.STAMPED_LOG, tuple(cuts)) == redacted(text, TextForm.STAMPED_LOG)
