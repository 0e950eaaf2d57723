"""The `Redactor` of what is put on record: structures by the names of their fields, then every text by what it says.

A field's name takes a whole value out; a text keeps what is no secret in it, since it is what the record is read for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from k8sops.core.plan import JsonObject
from k8sops.redact.redactor import KeyedRedactor
from k8sops.redact.text import TextRedactor


class RecordRedactor:
    """Both under one key, for many threads."""

    def __init__(self, structures: KeyedRedactor, texts: TextRedactor) -> None:
        self._structures: Final = structures
        self._texts: Final = texts

    def __repr__(self) -> str:
        return "RecordRedactor()"

    def redact(self, value: JsonObject, kind: str = "") -> JsonObject:
        """The structure with each secret field digested whole and secrets taken out of every other text."""
        return {key: _in_texts(item, self.text) for key, item in self._structures.redact(value, kind).items()}

    def text(self, text: str) -> str:
        """The text without its secrets."""
        return self._texts.redact(text)

    def texts(self, value: JsonObject) -> JsonObject:
        """The structure as it is, without the secrets in its texts."""
        return {key: _in_texts(item, self.text) for key, item in value.items()}


def _in_texts(value: Any, redact: Callable[[str], str]) -> Any:
    kind = type(value)
    if kind is str:
        return redact(value)
    if kind is dict:
        return {key: _in_texts(item, redact) for key, item in value.items()}
    if kind is list or kind is tuple:
        items = [_in_texts(item, redact) for item in value]
        return _command(items, redact) if "-" in {item[:1] for item in items if type(item) is str} else items
    return value


def _command(words: list[Any], redact: Callable[[str], str]) -> list[Any]:
    """The words of a command, of which one may say that the next is a secret; then the line stands for them."""
    line = " ".join(map(str, words))
    clean = redact(line)
    return words if clean == line else [clean]
