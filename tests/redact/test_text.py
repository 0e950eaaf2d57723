"""Text that leaves the machine holds no secret, and what is left of it can still be read, parsed and compared."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from itertools import pairwise
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from k8sops.redact import KeyedRedactor, TextRedactor
from k8sops.redact.shapes import SHAPES
from k8sops.redact.stream import LINE_LIMIT, WITHHELD
from tests.redact.support import TOKEN, Sample, samples

REDACTOR = TextRedactor(KeyedRedactor(bytes(32)))
SECRETS = list(samples("tokens.txt", "named.txt", "places.txt", "bundled.txt"))
HARMLESS = list(samples("harmless.txt"))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


JSON_SAMPLES = [sample for sample in SECRETS if _is_json(sample.text)]


def kinds_in(text: str) -> set[str]:
    stream = REDACTOR.stream()
    stream.feed(text.encode())
    stream.finish()
    return set(stream.tally.counts)


def in_pieces(data: bytes, cuts: list[int]) -> bytes:
    stream = REDACTOR.stream()
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [stream.feed(data[start:end]) for start, end in pairwise(places)]
    return b"".join(pieces) + stream.finish()


@pytest.mark.parametrize("sample", SECRETS, ids=lambda sample: sample.name)
def test_nothing_of_a_secret_is_left_and_everything_else_is(sample: Sample) -> None:
    """One leaked password cannot be taken back; a text in which all is hidden answers no question."""
    assert sample.secrets
    assert sample.becomes.fullmatch(REDACTOR.redact(sample.text)), REDACTOR.redact(sample.text)
    assert sample.kind in kinds_in(sample.text)


def test_the_samples_are_many_and_of_many_kinds() -> None:
    """A rule without a sample is a rule that nobody has seen work."""
    assert len(SECRETS) >= 400
    assert len(HARMLESS) >= 400
    assert len({sample.kind for sample in SECRETS}) >= 100
    assert len({sample.text for sample in (*SECRETS, *HARMLESS)}) == len(SECRETS) + len(HARMLESS)


def test_what_is_harmless_stays_as_it_is() -> None:
    """Whoever finds the lines of an incident hidden turns redaction off. At most one in a hundred."""
    wrong = [sample.name for sample in HARMLESS if REDACTOR.redact(sample.text) != sample.text]
    assert len(wrong) <= len(HARMLESS) // 100, wrong


def test_no_two_shapes_have_the_same_head_and_kind_by_mistake() -> None:
    """The first of two would always win."""
    heads = [(shape.head, shape.body) for shape in SHAPES]
    assert len(set(heads)) == len(heads)


@pytest.mark.parametrize("sample", JSON_SAMPLES, ids=lambda sample: sample.name)
def test_json_stays_json(sample: Sample) -> None:
    """A bundle's files are read by programs; also texts inside of texts."""

    def inner(value: Any) -> None:
        if isinstance(value, str) and value.startswith("{"):
            inner(json.loads(value))
        elif isinstance(value, dict):
            for item in value.values():
                inner(item)

    inner(json.loads(REDACTOR.redact(sample.text)))


NAMES = st.sampled_from(
    ["password", "user", "apiKey", "data", "token", "msg", "kind", "name", "value", "auth", "n"]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.text(max_size=20),
    st.sampled_from([sample.text for sample in SECRETS]),
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)


@given(DOCUMENTS, st.sampled_from([None, 2]), st.booleans(), st.integers(0, 2))
@settings(deadline=None, max_examples=100)
def test_any_json_stays_json_of_the_same_form(
    value: Any, indent: int | None, ascii_only: bool, depth: int
) -> None:
    """Also JSON in a text of JSON, and pretty-printed over lines; keys are never touched."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    for _ in range(depth):
        text = json.dumps({"log": text})
    found = json.loads(REDACTOR.redact(text))
    for _ in range(depth):
        found = json.loads(found["log"]) if isinstance(found["log"], str) else found["log"]
    assert _form(found) == _form(value)


def _form(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _form(item) for key, item in value.items()}
    return [_form(item) for item in value] if isinstance(value, list) else None


def test_yaml_stays_yaml() -> None:
    """Manifests in a bundle are applied again by whoever reproduces the fault."""
    manifest = {
        "kind": "Deployment",
        "env": [{"name": "DB_PASSWORD", "value": "hunter2: #1"}, {"name": "N", "value": "1"}],
        "args": ["--password", "hunter2", "--token=f00ba4"],
        "password": "it's",
        "script": "export PASSWORD=hunter2\nrun\n",
    }
    text = REDACTOR.redact(yaml.safe_dump(manifest))
    assert "hunter2" not in text
    assert _form(yaml.safe_load(text)) == _form(manifest)


TEXTS = st.lists(st.sampled_from([sample.text for sample in (*SECRETS, *HARMLESS)]), max_size=6).map(
    "\n".join
)


@given(TEXTS, st.lists(st.integers(0, 10**6), max_size=8), st.sampled_from(["\n", "\r\n"]))
@settings(deadline=None, max_examples=100)
def test_it_does_not_matter_how_a_stream_is_cut(text: str, cuts: list[int], ending: str) -> None:
    """Pieces come as the network has them; a secret that is cut in two must not slip through."""
    data = text.replace("\n", ending).encode()
    assert in_pieces(data, cuts) == in_pieces(data, [])


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
@settings(deadline=None, max_examples=100)
def test_any_bytes_pass_and_however_cut(data: bytes, cuts: list[int]) -> None:
    """Logs hold binary rubbish, escape sequences and broken UTF-8."""
    assert in_pieces(data, cuts) == in_pieces(data, [])


@given(TEXTS)
@example("https://f2cf40c0e15bb605ead48e75a0f7fa8f@o12.example/2")
@settings(deadline=None, max_examples=100)
def test_what_is_redacted_stays_as_it_is(text: str) -> None:
    """A message may pass the gate twice; a token of a token could be compared with nothing."""
    once = REDACTOR.redact(text)
    assert REDACTOR.redact(once) == once


@pytest.mark.parametrize("sample", [*SECRETS, *HARMLESS], ids=lambda sample: sample.name)
def test_every_sample_that_is_redacted_stays_as_it_is(sample: Sample) -> None:
    """A name before a token, or a host behind it, makes it look like a secret in some of them only."""
    once = REDACTOR.redact(sample.text)
    assert REDACTOR.redact(once) == once


@pytest.mark.parametrize("size", [1, 7, 64])
def test_every_sample_comes_out_the_same_in_small_pieces(size: int) -> None:
    """The states that go on over lines are the ones that a cut could confuse."""
    data = "\n".join(sample.text for sample in (*SECRETS, *HARMLESS)).encode()
    assert in_pieces(data, list(range(0, len(data), size))) == in_pieces(data, [])


def test_one_secret_is_one_token_however_it_is_written_and_cannot_be_guessed() -> None:
    """Whether two services use the same password is what one wants to know, and all one may."""
    text = (
        "password=hunter2\nDATABASE_URL=postgres://app:hunter2@db\n"
        '{"log":"{\\"password\\":\\"hunter2\\"}"}\n'
        "kind: Secret\ndata:\n  word: aHVudGVyMg==\n"
    )
    tokens = re.findall(TOKEN, REDACTOR.redact(text))
    assert len(tokens) == 4
    assert len(set(tokens)) == 1
    assert KeyedRedactor(bytes(32)).digest("hunter2").startswith(tokens[0])
    other = TextRedactor(KeyedRedactor(b"\1" * 32)).redact(text)
    assert tokens[0] not in other


@pytest.mark.parametrize("ending", ["\n", "\\n"], ids=["on lines of its own", "on one line"])
@pytest.mark.parametrize(
    "before", ["Authorization: Bearer abcDEF1234567890abcDEF", "password=hunter2hunter2"]
)
def test_a_secret_right_before_a_private_key_does_not_hide_it(before: str, ending: str) -> None:
    """An event that tells several things in one go: the first was taken for longer, and the key's body was left."""
    name = "RSA PRIVATE " + "KEY"
    body = "MIIEpAIBAAKCAQEAxQpLrfGh2Kd9sT4vWzYbNcMeUiJoPlKmNjHbGvFcDxSa"
    text = before + f"-----BEGIN {name}-----" + ending + (body + ending) * 3 + f"-----END {name}-----"
    redacted = REDACTOR.redact(text)
    assert "MIIE" not in redacted
    assert before.rpartition("=")[2].rpartition(" ")[2] not in redacted


def test_a_tally_tells_rule_count_and_line_and_never_the_value() -> None:
    """It goes with the bundle."""
    stream = REDACTOR.stream()
    stream.feed(
        b"x\npassword=hunter2\nkind: ConfigMap\ndata:\n  a: password=hunter2 token=f00ba4\nkind: Conf"
    )
    stream.finish()
    assert stream.tally.counts == {"password": 2, "token": 1}
    assert stream.tally.lines == {"password": [2, 5], "token": [5]}
    assert "hunter2" not in repr(stream.tally)


def test_lines_are_counted_rightly_where_a_secret_s_data_was_kept_back() -> None:
    """What was kept back is read later than what follows it."""
    stream = REDACTOR.stream()
    for line in (
        b"a\n",
        b"data:\n",
        b"  x: YXBw\n",
        b"  y: YXBw\n",
        b"kind: Secret\n",
        b"password=hunter2\n",
    ):
        stream.feed(line)
    stream.finish()
    assert stream.tally.lines == {"secret-data": [3, 4], "password": [6]}


@pytest.mark.parametrize("cut", [1 << 20, LINE_LIMIT + 10])
def test_a_line_too_long_to_be_looked_through_is_withheld(cut: int) -> None:
    """It cannot be shown unseen; the lines around it can."""
    data = b"before\n" + b"a" * (LINE_LIMIT + 1) + b"\nafter\n"
    stream = REDACTOR.stream()
    out = b"".join(stream.feed(data[at : at + cut]) for at in range(0, len(data), cut)) + stream.finish()
    assert out == b"before\n" + WITHHELD + b"\nafter\n"


def test_a_line_of_ten_megabytes_is_looked_through() -> None:
    """Whole objects are written on one line, and the secret may be in the last of them."""
    data = b'{"a":"' + b"x " * (5 << 20) + b'","password":"hunter2"}\n'
    stream = REDACTOR.stream()
    out = stream.feed(data) + stream.finish()
    assert out.endswith(b'"}\n')
    assert b"hunter2" not in out


HOSTILE = [
    "password", "password=", "token=invalid,", 'token="invalid ', "token='invalid token=\"", "eyJ-", "eyJ.", "://a:",
    "://a:b/", "AKIA", "sk-", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\\n", "bearer ", "\n", "\\n",
    "Bearer aaaaaaaa", '"data":{', '{"kind":"Secret","data":{', '\\"', '\\\\\\"', 'password:\\"', 'password=\\\\"',
    "data:\n", " data:\n  ", "kind: Secret\n", "name: password\n", "--password ", "-p", "mysql -p", "a@tcp(", "x:$6$",
    "curl -u a:b ", "password: |\n ", "<password>a", "$2y$", "{{", "password=${", "[", "password:[", "password:['a',",
    "aaaaaa.aaaaaaaaaaaaaaaa ", "secret", "key", "\t", " ", "://a:b@", "password:token:",
    "mysql -pinvalid ", "- mysql\n- -p\n", "mysql \\'-p", "requirepass invalid ", "login a password ",
    "machine a\nlogin b\n", "password a:", "password x:\n\n", 'form-data; name="password"\n', '"password">invalid<',
    "<password a>", "password</name>\n",
    "password%3Dinvalid%26", "password%3D%25", "identified with a by ", "://aaaaaaaaaa",
    'Authorization: Token a="', 'Authorization: Token a="b", ', 'password:\n  a1b2c3d4\n', "tokens: [a1b2c3d4, ",
    '"password":{"value":"invalid",', '"name":"password"}', '"value":"', "kind: SecretList\ndata:\n  a: b\n",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_text_made_to_be_slow_takes_time_in_proportion(piece: str) -> None:
    """A container chooses what it logs: of the worst, eight times as much may cost eight times the time, not 64."""

    def seconds(size: int) -> float:
        data = (piece * (size // len(piece))).encode()
        began = time.thread_time()
        stream = REDACTOR.stream()
        stream.feed(data)
        stream.finish()
        return time.thread_time() - began

    seconds(1000)
    little = min(seconds(8_000) for _ in range(3))
    much = min(seconds(64_000) for _ in range(2))
    assert much < 20 * little + 0.1


def test_random_mixtures_of_hostile_pieces_take_time_in_proportion() -> None:
    """What no single piece does, two may."""
    chance = random.Random(7)  # noqa: S311
    for _ in range(20):
        pieces = chance.choices(HOSTILE, k=3)
        text = "".join(chance.choices(pieces, k=3000))
        began = time.thread_time()
        REDACTOR.redact(text)
        assert time.thread_time() - began < 5 + len(text) / 20_000, pieces


def test_importing_it_compiles_nothing_and_loads_no_engine() -> None:
    """Every start of the program would pay."""
    code = "import sys, k8sops.redact; print('re2' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "False"
