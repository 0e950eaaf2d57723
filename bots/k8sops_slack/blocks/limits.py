"""How long things may be at Slack. Lengths are counted in UTF-16 units, the strictest way of counting characters."""

from __future__ import annotations

from typing import Final

BLOCKS_OF_MESSAGE: Final = 50
BLOCKS_OF_VIEW: Final = 100
MESSAGE: Final = 13_000
"""All of a message: not documented, and refused as `msg_blocks_too_long`."""
TOP_TEXT: Final = 400
"""Our own: a sentence for a lock screen."""
SECTION: Final = 3000
FIELD: Final = 2000
FIELDS: Final = 10
HEADER: Final = 150
CONTEXT_ELEMENTS: Final = 10
CONTEXT_TEXT: Final = 600
ACTIONS: Final = 25
BUTTON: Final = 75
BUTTON_VALUE: Final = 2000
ID: Final = 255
OPTIONS: Final = 100
OPTION: Final = 75
OPTION_VALUE: Final = 150
PLACEHOLDER: Final = 150
LABEL: Final = 2000
HINT: Final = 2000
INITIAL: Final = 3000
VIEW_TITLE: Final = 24
METADATA: Final = 3000
CONFIRM_TITLE: Final = 100
CONFIRM_TEXT: Final = 300
CONFIRM_BUTTON: Final = 30
INPUT_ERROR: Final = 150
"""Our own: what stands below a field of a form on a phone."""


def size(text: str) -> int:
    """How long Slack may take a text to be."""
    # Asked of every piece of every text.
    return len(text) if text.isascii() else len(text) + sum(character > "\uffff" for character in text)
