"""What a server says of a Secret, without what is in it: admission may quote the object that it refuses.

Only a Secret's own values are known here; whatever a webhook makes of them in other words is not.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from k8sops.core.errors import K8sOpsError
from k8sops.core.plan import JsonObject

SECRETS: Final = "secrets"
HIDDEN: Final = "(hidden)"
SHORTEST: Final = 4
"""Characters: anything shorter stands in every other word, and is guessed as fast as it is read."""


@contextmanager
def hushed(kind: str, *objects: JsonObject) -> Iterator[None]:
    """Whatever fails in here says nothing of what these objects hold, where they are Secrets (`kind`)."""
    try:
        yield
    except K8sOpsError as error:
        told = hush(error.message, *objects) if kind == SECRETS else error.message
        if told == error.message:
            raise
        raise type(error)(
            told, hint=error.hint, retry_after=error.retry_after, outcome_unknown=error.outcome_unknown
        ) from None


def hush(text: str, *objects: JsonObject) -> str:
    """The text without any value of these Secrets, longest first, so that no part of one is left."""
    values = {spelt for found in objects for value in _values(found) for spelt in _spellings(value)}
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return text


def _values(found: JsonObject) -> Iterator[str]:
    for value in (found.get("stringData") or {}).values():
        yield str(value)
    for value in (found.get("data") or {}).values():
        yield str(value)
        try:
            yield base64.b64decode(str(value), validate=True).decode()
        except ValueError:
            continue


def _spellings(value: str) -> Iterator[str]:
    """As it is, as JSON has it within its quotes (and so does Go's `%q`), and line by line."""
    for spelt in (value, value.strip(), json.dumps(value)[1:-1], *value.splitlines()):
        if len(spelt) >= SHORTEST:
            yield spelt
