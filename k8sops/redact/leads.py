"""What a log's writer puts before each line, which is no part of what a program said.

A line that is indented, or begins a list, does so behind it. Whoever opens a text knows its form: it is not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from k8sops.core.redaction import TextForm

_STAMP: Final = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_LEADS: Final = {
    TextForm.STAMPED_LOG: _STAMP,
    TextForm.RUNTIME_LOG: rf"{_STAMP} std(?:out|err) [FP]",
    # As `journalctl --output=short-precise` has it.
    TextForm.JOURNAL: (
        r"[A-Z][a-z]{2} [0-9 ][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})? [^ \n]+ [^ \n:]+:"
    ),
}
ANY_LEAD: Final = rf"(?:(?:{_STAMP}(?: std(?:out|err) [FP])?|{_LEADS[TextForm.JOURNAL]}) )?"
"""In the syntax that RE2 and `re` share; which of them is meant is asked again where one is found."""


def leads() -> Mapping[TextForm, re.Pattern[bytes]]:
    """Of each form whose lines have one; behind it a blank, or a line's end where nothing was said."""
    return {form: re.compile(rf"{lead}(?: |(?=\r?\n|\Z))".encode()) for form, lead in _LEADS.items()}
