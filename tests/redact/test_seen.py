"""Programs colour what they log, and a name apart from its value; a secret in colours is one, too."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.core.redaction import RedactionRule, RedactionSettings, TextForm
from k8sops.redact import KeyedRedactor, TextRedactor
from k8sops.redact.seen import Seen
from tests.redact.support import TOKEN, samples

KEY = KeyedRedactor(bytes(32))
REDACTOR = TextRedactor(KEY)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
COLOURED = [
    "\x1b[36mpassword\x1b[0m=⟦hunter2⟧\n",
    "\x1b[32mpassword\x1b[0m=\x1b[31m⟦hunter2⟧\x1b[0m user=app\n",
    '\x1b[34;1m"password"\x1b[0m: \x1b[32m"⟦hunter2⟧"\x1b[0m,\n',
    '  password: \x1b[32m"⟦hunter2⟧"\x1b[0m\n',
    "\x1b[36mpassword:\x1b[0m \x1b[32m'⟦hunter2⟧'\x1b[39m\n",
    "\x1b[90m17:00\x1b[0m \x1b[32mINF\x1b[0m login \x1b[36mpassword=\x1b[0m⟦hunter2⟧ \x1b[36muser=\x1b[0mx\n",
    "\x1b[34mAuthorization\x1b[0m: \x1b[32mBearer ⟦dGhpc2lzYXRva2Vu1⟧\x1b[0m\n",
    "\x1b[1m- name:\x1b[0m DB_PASSWORD\n  \x1b[1mvalue:\x1b[0m \x1b[33m⟦hunter2⟧\x1b[m\x1b[K\n\x1b[32mready\x1b(B\n",
    "\x1b[1mdata:\x1b[0m\n  \x1b[1ma:\x1b[0m ⟦aHVudGVyMg==⟧\n\x1b[1mkind:\x1b[0m \x1b[33mSecret\x1b[0m\n",
]


def redacted(data: bytes, redactor: TextRedactor = REDACTOR, cuts: tuple[int, ...] = ()) -> bytes:
    stream = redactor.stream(TextForm.LOG)
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [stream.feed(data[start:end]) for start, end in pairwise(places)]
    return b"".join(pieces) + stream.finish()


@pytest.mark.parametrize("marked", COLOURED)
def test_a_secret_in_colours_is_taken_out_and_the_colours_stay(marked: str) -> None:
    """`logs --redact` takes the colours away afterwards: what was no name then, with its value, is one."""
    parts = re.split("[⟦⟧]", marked)
    secret = {"aHVudGVyMg==": "hunter2"}.get(parts[1], parts[1])
    token = REDACTOR.redact(f"password={secret}").removeprefix("password=")
    assert redacted("".join(parts).encode()).decode() == f"{parts[0]}{token}{parts[2]}"
    assert REDACTOR.redact("".join(parts)) == f"{parts[0]}{token}{parts[2]}"


def test_a_kept_back_map_that_is_no_secret_s_keeps_its_colours() -> None:
    """It is only looked at without them."""
    data = b"\x1b[1mdata:\x1b[0m\n  a: \x1b[32mYXBw\x1b[0m\nkind: ConfigMap\n\x1b[0m"
    assert redacted(data) == data


def test_a_rule_of_one_s_own_sees_no_colours_either() -> None:
    """It is written for what one reads."""
    rule = RedactionRule(name="order", pattern="order=([0-9]{8})")
    redactor = TextRedactor(KEY, RedactionSettings(rules=(rule,)))
    done = redacted(b"\x1b[36morder\x1b[0m=\x1b[31m12345678\x1b[0m ok\n", redactor).decode()
    assert re.fullmatch(rf"\x1b\[36morder\x1b\[0m=\x1b\[31m{TOKEN}\x1b\[0m ok\n", done)


TEXTS = st.lists(
    st.sampled_from([sample.text for sample in samples("named.txt", "harmless.txt")]), max_size=3
)
SEQUENCES = st.sampled_from(["\x1b[0m", "\x1b[38;5;12m", "\x1b[K", "\x1b]", "\x1b(B"])


@given(
    TEXTS.map("\n".join),
    st.lists(st.tuples(st.integers(0, 10**4), SEQUENCES), max_size=8),
    st.lists(st.integers(0, 10**6), max_size=6),
)
@settings(deadline=None, max_examples=100)
def test_wherever_colours_stand_it_comes_out_as_without_them(
    text: str, colours: list[tuple[int, str]], cuts: list[int]
) -> None:
    """And however it is cut."""
    length = len(text) + 1
    for place, sequence in sorted(((place % length, one) for place, one in colours), reverse=True):
        text = text[:place] + sequence + text[place:]
    data = text.encode()
    assert redacted(data, cuts=tuple(cuts)) == redacted(data)
    assert Seen(redacted(data)).text == redacted(Seen(data).text)
