"""How Slack says no: an error word, and what stands beside it in the answer."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):  # noqa: N818 - an answer, not a failure of this program
    """A call that is refused, with Slack's own word for it."""

    def __init__(self, error: str, **beside: Any) -> None:
        super().__init__(error)
        self.error = error
        self.beside = beside

    def answer(self) -> dict[str, Any]:
        """Give the body of the answer."""
        return {"ok": False, "error": self.error, **self.beside}


def bad_arguments(*problems: str) -> Refusal:
    """Refuse arguments the way Slack does, each problem with where it is."""
    return Refusal(
        "invalid_arguments", response_metadata={"messages": [f"[ERROR] {line}" for line in problems]}
    )


class NotVisible(AssertionError):  # noqa: N818 - named for what a person would say
    """A test made somebody use what they cannot see: a mistake of the test, not of the bot."""
