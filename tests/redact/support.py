"""Reads the samples and puts them together: what is written in the files looks like no secret."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CORPUS = Path(__file__).parent / "corpus"
_MADE_UP = re.compile("‹([AaUhdbBu])([0-9]*)›")
_ALPHABETS = {
    "A": string.ascii_letters + string.digits,
    "a": string.ascii_lowercase + string.digits,
    "U": string.ascii_uppercase + string.digits,
    "h": "0123456789abcdef",
    "d": string.digits,
    "b": string.ascii_letters + string.digits + "-_",
    "B": string.ascii_letters + string.digits + "+/",
}
TOKEN = r"redacted:[0-9a-f]{12}"


class Sample(NamedTuple):
    """A text, the secrets in it, and a pattern of what it must become: everything but the secrets as it was."""

    name: str
    kind: str
    text: str
    secrets: tuple[str, ...]
    becomes: re.Pattern[str]


def samples(*files: str) -> Iterator[Sample]:
    """Of some files, in their order; made-up parts are the same at every reading."""
    for file in files:
        for number, line in enumerate((CORPUS / file).read_text(encoding="utf-8").splitlines(), 1):
            kind, _, marked = line.partition(" | ")
            marked = _put_together(marked.replace("⏎", "\n"), f"{file}{number}")
            parts = re.split("⟦(.*?)⟧", marked)
            yield Sample(
                f"{file}:{number}",
                kind.strip(),
                "".join(parts),
                tuple(parts[1::2]),
                re.compile(f'"?{TOKEN}"?'.join(re.escape(part) for part in parts[::2])),
            )


def _put_together(text: str, seed: str) -> str:
    chance = random.Random(seed)  # noqa: S311

    def made_up(found: re.Match[str]) -> str:
        if found[1] == "u":
            return "-".join("".join(chance.choices(_ALPHABETS["h"], k=size)) for size in (8, 4, 4, 4, 12))
        length = int(found[2])
        # First a letter, then a digit: neither a number nor a word.
        letters = [one for one in _ALPHABETS[found[1]] if one.isalpha()] or ["1"]
        return "".join(
            (
                chance.choice(letters),
                *(chance.choices("23456789", k=length > 1)),
                *chance.choices(_ALPHABETS[found[1]], k=length - 2),
            )
        )

    return _MADE_UP.sub(made_up, text)
