"""Views: each person's stack of modals (three at most) and their App Home.

A view keeps what its reader has typed; an update keeps the values of inputs that are still there under the same ids.
Hashes change with every update, so that of two racing updates the second can be told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from k8sops_local_slack.refusals import Refusal, bad_arguments
from k8sops_local_slack.timing import Bell, Ids, Time

DEEPEST = 3


@dataclass
class View:
    """One modal or home, as it is shown now."""

    id: str
    user: str
    content: dict[str, Any]
    hash: str
    root: str
    previous: str | None = None
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    response_hook: str | None = None

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """Give the view's blocks."""
        return list(self.content["blocks"])

    def forget_gone_values(self) -> None:
        """Drop the values of inputs the view no longer has."""
        there = {(block["block_id"], e["action_id"]) for block in self.blocks for e in elements_of(block)}
        self.values = {
            block: kept
            for block, values in self.values.items()
            if (kept := {action: value for action, value in values.items() if (block, action) in there})
        }


def elements_of(block: dict[str, Any]) -> list[dict[str, Any]]:
    """List the parts of a block that a person can use."""
    inside = [block.get("element"), block.get("accessory"), *block.get("elements", [])]
    return [element for element in inside if isinstance(element, dict) and "action_id" in element]


class Views:
    """All views that are open, and every person's home."""

    def __init__(self, clock: Time, ids: Ids, bell: Bell) -> None:
        self._clock, self._ids, self._bell = clock, ids, bell
        self._stacks: dict[str, list[View]] = {}
        self._homes: dict[str, View] = {}

    def top(self, user: str) -> View | None:
        """Give the modal this person sees, if one is open."""
        stack = self._stacks.get(user)
        return stack[-1] if stack else None

    def home(self, user: str) -> View | None:
        """Give this person's App Home, if one was published."""
        return self._homes.get(user)

    def open(self, user: str, content: dict[str, Any]) -> View:
        """Open a modal; whatever was open before is gone."""
        self._check_external_id(content, None)
        view = self._new(user, content)
        self._stacks[user] = [view]
        self._bell.ring()
        return view

    def push(self, user: str, content: dict[str, Any]) -> View:
        """Put a modal on top of the one that is open."""
        stack = self._stacks.get(user)
        if not stack:
            raise Refusal("not_found")
        if len(stack) >= DEEPEST:
            raise Refusal("push_limit_reached")
        self._check_external_id(content, None)
        view = self._new(user, content)
        view.root, view.previous = stack[0].id, stack[-1].id
        stack.append(view)
        self._bell.ring()
        return view

    def publish(self, user: str, content: dict[str, Any], seen_hash: str | None) -> View:
        """Show this home to this person."""
        old = self._homes.get(user)
        if seen_hash is not None and (old is None or old.hash != seen_hash):
            raise Refusal("hash_conflict")
        view = self._new(user, content)
        if old is not None:
            view.id = view.root = old.id
            view.values = old.values
            view.forget_gone_values()
        self._homes[user] = view
        self._bell.ring()
        return view

    def update(self, view: View, content: dict[str, Any], seen_hash: str | None = None) -> View:
        """Change a view in place, unless it has changed since its writer looked."""
        if seen_hash is not None and seen_hash != view.hash:
            raise Refusal("hash_conflict")
        if content["type"] != view.content["type"]:
            raise bad_arguments("cannot change the type of a view [json-pointer:/view/type]")
        self._check_external_id(content, view)
        view.content, view.hash, view.errors = content, self._hash(), {}
        view.forget_gone_values()
        self._bell.ring()
        return view

    def find(self, view_id: str | None, external_id: str | None) -> View:
        """Find an open view by its id or the app's own."""
        for view in self._open():
            if view.id == view_id or (external_id and view.content.get("external_id") == external_id):
                return view
        raise Refusal("not_found")

    def close(self, user: str, *, all_of_them: bool = False) -> list[View]:
        """Close the top modal, or all; gives what was closed, topmost first."""
        stack = self._stacks.get(user, [])
        closed = list(reversed(stack)) if all_of_them else stack[-1:]
        self._stacks[user] = [] if all_of_them else stack[:-1]
        self._bell.ring()
        return closed

    def _open(self) -> list[View]:
        return [view for stack in self._stacks.values() for view in stack] + list(self._homes.values())

    def _check_external_id(self, content: dict[str, Any], mine: View | None) -> None:
        wanted = content.get("external_id")
        if wanted and any(
            view is not mine and view.content.get("external_id") == wanted for view in self._open()
        ):
            raise Refusal("duplicate_external_id")

    def _new(self, user: str, content: dict[str, Any]) -> View:
        view_id = self._ids.new("V")
        return View(view_id, user, content, self._hash(), view_id)

    def _hash(self) -> str:
        return f"{int(self._clock.now())}.{self._ids.word(8)}"
