"""A private key over many lines: cut at its beginning, or with lines of others between its own."""

from __future__ import annotations

import base64
import random

import pytest

from k8sops.core.redaction import TextForm
from k8sops.redact import KeyedRedactor, TextRedactor

REDACTOR = TextRedactor(KeyedRedactor(bytes(32)))
NAME = "RSA PRIVATE " + "KEY"
BODY = base64.b64encode(random.Random(1).randbytes(48 * 8 + 20)).decode()  # noqa: S311
LINES = [BODY[at : at + 64] for at in range(0, len(BODY), 64)]
HEAD, TAIL = f"-----BEGIN {NAME}-----", f"-----END {NAME}-----"


def redacted(lines: list[str], form: TextForm = TextForm.LOG) -> str:
    stream = REDACTOR.stream(form)
    pieces = [stream.feed(f"{line}\n".encode()) for line in lines]
    return (b"".join(pieces) + stream.finish()).decode()


@pytest.mark.parametrize(
    "others", [["level=info msg=other thread=2"], ["GET /healthz 200"], ["a b"] * 3 + [""] * 20]
)
def test_lines_of_others_end_no_key_and_stay(others: list[str]) -> None:
    """Two threads write at once: after the first foreign line, all of the key was handed on."""
    mixed = [HEAD, *(one for line in LINES for one in (line, *others)), TAIL, "token expired"]
    done = redacted(mixed)
    assert not any(line in done for line in LINES)
    left = [line for line in done.splitlines() if not line.startswith("redacted:")]
    assert left == [line for line in mixed if line not in LINES]


def test_a_secret_between_the_lines_of_a_key_is_found_and_what_it_announces() -> None:
    """A foreign line is a line like any."""
    said = ["password=hunter2", "name: DB_PASSWORD", "value: hunter2"]
    done = redacted([HEAD, LINES[0], *said, *LINES[1:], TAIL])
    assert "hunter2" not in done
    assert not any(line in done for line in LINES)


def test_a_key_that_never_ends_is_given_up() -> None:
    """A log that was cut within one: what looks like base64 a thousand lines later is none of it."""
    word = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4"
    done = redacted([HEAD, *LINES[:2], *["a sentence."] * 9, word])
    assert done.endswith(f"{word}\n")
    done = redacted([HEAD, *LINES[:2], *["a sentence.", LINES[3]] * 64, "a sentence.", word])
    assert done.endswith(f"{word}\n")


@pytest.mark.parametrize("first", [[], ["GET /healthz 200"]])
def test_a_log_that_begins_within_a_key_holds_none_of_it(first: list[str]) -> None:
    """`--tail` and a rotation cut where they like; nothing is held back for it, since one may be following."""
    done = redacted([*first, *LINES[3:], TAIL, "ready"])
    assert not any(line in done for line in LINES)
    assert done.endswith(f"{TAIL}\nready\n")
    stream = REDACTOR.stream(TextForm.LOG)
    assert stream.feed(f"{LINES[3]}\n".encode()).startswith(b"redacted:")


@pytest.mark.parametrize(
    "line", ["ab12" * 16, "AB12" * 16, f"hash {BODY[:64]}", BODY[:59], "redacted:" + "ab12" * 3]
)
def test_a_log_that_begins_with_something_else_stays(line: str) -> None:
    """A digest in hexadecimal is no key's line, nor is what stands in a sentence."""
    assert redacted([line, "ready"]) == f"{line}\nready\n"


def test_a_whole_text_begins_within_no_key() -> None:
    """A value by itself is what it is."""
    assert redacted(LINES, TextForm.WHOLE) == "".join(f"{line}\n" for line in LINES)


def test_a_key_in_the_form_of_ssh2_is_one() -> None:
    """Four hyphens and a blank."""
    name = "SSH2 ENCRYPTED PRIVATE " + "KEY"
    head, tail = f"---- BEGIN {name} ----", f"---- END {name} ----"
    done = redacted([head, 'Comment: "me"', *LINES, tail, "ready"])
    assert not any(line in done for line in LINES)
    assert [line for line in done.splitlines() if "redacted:" not in line] == [
        head,
        'Comment: "me"',
        tail,
        "ready",
    ]
