"""What a person types to find audit records, `person=alice code=run.* since=2h`, as the filter the store is asked by.

The words are the flags of `k8sops audit list`; a word without `=` is the object's name.
"""

from __future__ import annotations

import shlex
from datetime import datetime
from typing import Any, Final

from k8sops.core.audit import AuditFilter
from k8sops.core.errors import UsageError
from k8sops.core.moments import parse_moment

FIELDS: Final = ("person", "action", "object", "run", "code", "outcome")
MOMENTS: Final = ("since", "until")
ASKED: Final = f"By any of {', '.join((*FIELDS, *MOMENTS))}, as in person=alice code=run.* since=2h."


def filter_of(text: str, now: datetime) -> AuditFilter:
    """The filter that was typed; empty is all. Raises UsageError naming the word that is not understood."""
    try:
        words = shlex.split(text)
    except ValueError:
        raise UsageError("a quotation mark is not closed", hint=ASKED) from None
    given: dict[str, Any] = {}
    for word in words:
        field, sign, value = word.partition("=")
        if not sign:
            field, value = "object", word
        if field in MOMENTS and value:
            given[field] = parse_moment(value, now, field)
        elif field in FIELDS and value:
            given[field] = value
        else:
            raise UsageError(f"{word} is not understood here", hint=ASKED)
    return AuditFilter(**given)
