"""Nothing secret may reach the record, and whoever reads it must still see what changed."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.core.errors import KeyFileError
from k8sops.core.ports import Redactor
from k8sops.redact import KeyedRedactor, RecordRedactor, TextRedactor, load_redactor
from k8sops.redact.redactor import MARK
from k8sops.redact.rules import is_secret_name

REDACTOR = KeyedRedactor(bytes(32))
HIDDEN = "hunter2-not-to-be-seen"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=12,
)


def shown(value: dict[str, Any], kind: str = "") -> str:
    return msgspec.json.encode(REDACTOR.redact(value, kind)).decode()


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "Secret", "data": {"tls.key": HIDDEN, "plain": HIDDEN}},
        {"kind": "Secret", "stringData": {"anything": HIDDEN}},
        {"stringData.anything": HIDDEN},
        {"kind": "List", "items": [{"kind": "Secret", "data": {"anything": HIDDEN}}]},
        {"spec.template.spec.containers[0].env[DB_PASSWORD].value": ["old", HIDDEN]},
        {"env": [{"name": "DB_PASSWORD", "value": HIDDEN}]},
        {"env": [{"name": "PGURL", "value": f"postgres://app:{HIDDEN}@db/shop"}]},
        {"args": ["--verbose", "--password", HIDDEN]},
        {"args": [f"--token={HIDDEN}"]},
        {"command": ["sh", "-c", f"curl -H 'Authorization: Basic {HIDDEN}' https://x"]},
        {"headers": {"Authorization": f"Bearer {HIDDEN}"}},
        {"note": f"use Bearer {HIDDEN}"},
        {"apiToken": HIDDEN},
        {"aws_secret_access_key": HIDDEN},
        {"tls": {"privateKey": HIDDEN}},
        {"credentials": {"username": "app", "value": HIDDEN}},
        {"credentials": [HIDDEN]},
        {"data.application.properties": f"user=app\ndb.password = {HIDDEN}\n"},
        {"config": f'{{"clientSecret": "{HIDDEN}"}}'},
        {"note": f"-----BEGIN RSA PRIVATE KEY-----\n{HIDDEN}"},
        {
            "metadata": {
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": f'{{"data":"{HIDDEN}"}}'}
            }
        },
    ],
)
def test_a_secret_is_taken_out_wherever_it_stands(value: dict[str, Any]) -> None:
    """Records are kept for years and shown to many: one leaked password cannot be taken back."""
    assert HIDDEN not in shown(value)
    assert MARK in shown(value)


@pytest.mark.parametrize("kind", ["secrets", "Secret"])
def test_a_difference_of_a_secret_is_hidden_though_its_fields_have_harmless_names(kind: str) -> None:
    """A plan's difference has paths and no kind of its own; the step's target says it."""
    assert HIDDEN not in shown({"data.username": HIDDEN, "data": {"x": [HIDDEN]}}, kind)


@pytest.mark.parametrize(
    "value",
    [
        {"spec.replicas": 3, "spec": {"topologyKey": "zone", "paused": True}},
        {
            "volumes": [
                {"name": "tls", "secret": {"secretName": "web-tls", "items": [{"key": "a", "path": "b"}]}}
            ]
        },
        {"env": [{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]},
        {"imagePullSecrets": [{"name": "registry"}], "automountServiceAccountToken": False},
        {"tolerations": [{"key": "dedicated", "operator": "Equal", "value": "gpu"}]},
        {"env": [{"name": "LOG_LEVEL", "value": "debug"}], "data.color": "blue"},
        {"note": "basic authentication is turned off"},
    ],
)
def test_what_only_refers_to_a_secret_stays_readable(value: dict[str, Any]) -> None:
    """A record in which everything is hidden answers no question."""
    assert REDACTOR.redact(value) == value


def test_a_change_of_a_secret_can_be_seen_and_its_value_not_guessed_without_the_key() -> None:
    """Equal values have equal digests under one key only."""
    first, same, other = ({"password": word} for word in ("one", "one", "two"))
    assert REDACTOR.redact(first) == REDACTOR.redact(same) != REDACTOR.redact(other)
    assert KeyedRedactor(b"\1" * 32).redact(first) != REDACTOR.redact(first)


@given(st.dictionaries(st.text(max_size=12), JSON, max_size=4))
@settings(deadline=None)
def test_redacting_again_changes_nothing_and_the_structure_stays(value: dict[str, Any]) -> None:
    """Steps are redacted when planned and when recorded; both must show the same digest."""
    once = REDACTOR.redact(value)
    assert REDACTOR.redact(once) == once
    assert list(once) == list(value)


def test_it_is_the_port_s_redactor() -> None:
    """The engine knows the port only."""
    port: Redactor = RecordRedactor(REDACTOR, TextRedactor(REDACTOR))
    assert port.redact({"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    ("name", "secret"),
    [("keys", False), ("publicKey", False), ("sshHostKey", True), ("TOKENS", True), ("x-api-key", True), ("", False),
     ("secretName", False), ("tokenExpirationSeconds", False), ("passwordHash", True), ("compass", False)],
)  # fmt: skip
def test_names_are_judged_by_their_words(name: str, secret: bool) -> None:
    """`compass` is no `pass`, and `x-api-key` is spelled in many ways."""
    assert is_secret_name(name) is secret


def test_a_long_text_is_looked_through_in_little_time() -> None:
    """A ConfigMap may hold a megabyte; a pattern that backtracks would stop the engine inside a transaction."""
    hostile = ("a" * 31 + "://" + "b:" * 100) * 2000 + "password" * 20_000 + "bearer " * 20_000
    assert REDACTOR.redact({"note": hostile})


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    """Whoever reads the key can test guesses against recorded digests."""
    path = tmp_path / "keys" / "redaction.key"
    first = load_redactor(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert load_redactor(path).digest("x") == first.digest("x")
    assert list(path.parent.iterdir()) == [path]


def test_processes_that_make_the_key_at_once_end_with_the_same(tmp_path: Path) -> None:
    """Two keys would make every secret look changed, depending on who recorded it."""
    path = tmp_path / "redaction.key"
    digests: set[str] = set()
    threads = [
        threading.Thread(target=lambda: digests.add(load_redactor(path).digest("x"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(digests) == 1


@pytest.mark.parametrize("harm", ["readable", "short", "folder"])
def test_a_key_file_that_cannot_be_trusted_is_refused(tmp_path: Path, harm: str) -> None:
    """It is better not to act than to record under a key that others know."""
    path = tmp_path / "redaction.key"
    load_redactor(path)
    if harm == "readable":
        path.chmod(0o640)
    elif harm == "short":
        path.write_bytes(b"short")
    else:
        path.unlink()
        os.mkdir(path)  # noqa: PTH102
    with pytest.raises(KeyFileError):
        load_redactor(path)
