"""What goes on record keeps its words and its form, and holds no secret: neither by a field's name nor in a text."""

from __future__ import annotations

import time

import pytest

from k8sops.core.plan import JsonObject
from k8sops.redact import KeyedRedactor, RecordRedactor, TextRedactor
from tests.redact.support import TOKEN

KEYED = KeyedRedactor(bytes(32))
REDACTOR = RecordRedactor(KEYED, TextRedactor(KEYED))
STRIPE = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"


def test_a_text_in_a_structure_keeps_what_is_no_secret() -> None:
    """A reader of the record wants to know what was said, at whatever depth."""
    data: JsonObject = {
        "text": f"paid with {STRIPE} twice",
        "facts": {"seen": ["fine", f"and {STRIPE}"], "n": 3, "none": None, "yes": True},
    }
    found = REDACTOR.texts(data)
    assert str(found).count("redacted:") == 2
    assert STRIPE not in str(found)
    assert found["text"].startswith("paid with redacted:")
    assert found["facts"]["seen"][0] == "fine"
    assert (found["facts"]["n"], found["facts"]["none"], found["facts"]["yes"]) == (3, None, True)


def test_what_has_no_secret_comes_back_as_it_was() -> None:
    """Most of what is recorded; ids and digests must never be taken for secrets."""
    data: JsonObject = {
        "grant": "01M7ZYBTT5WFVJVQ8KKX4RRKYC",
        "key": "ed25519:" + "ab" * 32,
        "from": "sha256:" + "0f" * 32,
        "keys": ["password", "token"],
        "text": "the token: expired; secret shop/web-tls not found",
    }
    assert REDACTOR.texts(data) == data


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["mysql", "-uroot", "-phunter2", "shop"], "mysql -uroot -p*TOKEN* shop"),
        (["vault", "login", "--token", "hunter2"], "vault login --token *TOKEN*"),
        (["sh", "-c", "mysql -phunter2"], "sh -c mysql -p*TOKEN*"),
        (["ls", "-l", "/etc/secrets"], "ls -l /etc/secrets"),
    ],
)
def test_of_a_command_the_password_goes_and_the_command_stays(words: list[str], shown: str) -> None:
    """A session's command is on record word by word, and it is one word that tells what the next one is."""
    found = " ".join(REDACTOR.texts({"command": words})["command"])
    before, _, after = shown.partition("*TOKEN*")
    assert found.startswith(before)
    assert found.endswith(after)
    assert "hunter2" not in found


def test_a_difference_is_looked_through_by_names_and_by_texts() -> None:
    """The structure's rules know fields, the text's a hundred shapes: either may miss what the other sees."""
    google = "AIza" + "SyD3x4mpl3K3yN0tR34lAbCdEfGhIjKlMnO"
    found = REDACTOR.redact(
        {"spec.env": [{"name": "DB_PASSWORD", "value": "hunter2"}], "metadata.note": f"see {google}"}
    )
    assert "hunter2" not in str(found)
    assert google not in str(found)
    assert found["metadata.note"].startswith("see redacted:")
    assert REDACTOR.redact(found) == found


def test_the_same_secret_is_one_token_in_a_text_and_in_a_difference() -> None:
    """So that a record and a bundle can be laid side by side."""
    import re

    whole = REDACTOR.redact({"password": "hunter2"})["password"]
    said = re.findall(TOKEN, REDACTOR.text("password=hunter2"))[0]
    assert whole.startswith(said)


def test_a_sentence_without_a_secret_costs_microseconds() -> None:
    """Every step of every run is recorded; a limit far above what it takes, for machines that are busy."""
    text = "scaled deployment web of shop from 3 to 5 replicas because of the sale"
    REDACTOR.text(text)
    began = time.thread_time()
    for _ in range(1000):
        REDACTOR.text(text)
    assert time.thread_time() - began < 0.1
