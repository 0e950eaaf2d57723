"""What reaches a terminal: our own colours, and nothing by which text from elsewhere could steer it."""

from __future__ import annotations

import pytest

from k8sops.cli.console import safe_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m and plain\nnext", "\x1b[31mred\x1b[0m and plain\nnext"),
        ("\x1b[1m\x1b[33m!\x1b[0m", "\x1b[1m\x1b[33m!\x1b[0m"),
        ("quota \x1b[2J\x1b[Hgone", "quota \\x1b[2J\\x1b[Hgone"),
        ("\x1b[31mbad\x1b[0m \x1b]0;pwned\x07", "\x1b[31mbad\x1b[0m \\x1b]0;pwned\\x07"),
        ("back\rwards \u202e", "back\\x0dwards \\u202e"),
    ],
)
def test_a_line_keeps_colours_and_no_other_escape(text: str, shown: str) -> None:
    """An API server's refusal, beside a mark of ours in colour, must not clear the screen."""
    assert safe_lines(text) == shown
