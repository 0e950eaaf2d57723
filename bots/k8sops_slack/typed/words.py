"""A line into words, as a shell would split it, forgiving what phones make of it.

Beside a shell's quotes: `—cluster` is `--cluster`, `–n` is `-n`, ticks round a word are nothing, and the apostrophe
of `don't` opens no quote.
"""

from __future__ import annotations

from typing import Final

from k8sops.core.errors import UsageError

_DASHES: Final = frozenset("—–―")
_SHOWN: Final = 24


def split_words(text: str) -> list[str]:
    """The words of normalised text. Raises UsageError, one sentence, for a quote that is not closed."""
    reader = _Splitter(text)
    return reader.words()


class _Splitter:
    """Walks the text once; a word is what lies between spaces outside quotes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: list[str] = []
        self._word: list[str] = []
        self._open = False
        self._quoted = False

    def words(self) -> list[str]:
        """Walk it."""
        quote, began, at = "", 0, 0
        while at < len(self._text):
            character = self._text[at]
            if character == "\\" and quote != "'" and at + 1 < len(self._text):
                at += 1
                self._take(self._text[at])
            elif character == quote and not self._apostrophe(at):
                quote = ""
            elif quote:
                self._take(character)
            elif character in "'\"" and not self._apostrophe(at):
                quote, began = character, at
                self._quoted = self._quoted or not self._word
                self._open = True
            elif character.isspace():
                self._end()
            elif character != "`":
                self._take(character)
            at += 1
        if quote:
            raise UsageError(
                f"the quote {quote} before {self._text[began + 1 :][:_SHOWN]!r} is not closed",
                hint="close it, or leave it out",
            )
        self._end()
        return self._found

    def _apostrophe(self, at: int) -> bool:
        """Whether this is the apostrophe of a word: letters stand on both sides of it."""
        around = self._text[at - 1 : at] + self._text[at + 1 : at + 2]
        return self._text[at] == "'" and len(around) == 2 and around.isalpha()

    def _take(self, character: str) -> None:
        self._open = True
        self._word.append(character)

    def _end(self) -> None:
        if self._open:
            word = "".join(self._word)
            self._found.append(word if self._quoted else _with_hyphens(word))
        self._word, self._open, self._quoted = [], False, False


def _with_hyphens(word: str) -> str:
    """A leading dash as the hyphens it was typed as: one before a single letter, two before a word."""
    rest = word.lstrip("—–―-")
    if not _DASHES & {*word[: len(word) - len(rest)]}:
        return word
    return f"-{rest}" if len(rest.partition("=")[0]) == 1 else f"--{rest}"
