"""The keys that act on rows, bound as the actions declare them, and what they are once they were bound anew.

They stand in front of what a screen has for the same key, by priority: a key that acts on the kind is not first taken
for moving, sorting or copying. Bound anew, it leaves the screen what that has for it; Textual takes a key from all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from textual.binding import Binding, BindingsMap, BindingType, Keymap, KeymapApplyResult
from textual.screen import Screen

from k8sops.tui.acting.offers import Offer, acting_keys


def acting_id(key: str) -> str:
    """By which id a key that acts is bound anew."""
    return f"act.{key.replace('+', '_')}"


def bound_to_act() -> list[BindingType]:
    """A binding for each key that some action declares."""
    return [
        Binding(key, f"act('{key}')", "Act", show=False, priority=True, id=acting_id(key))
        for key in acting_keys()
    ]


def acts(binding: Binding) -> bool:
    """Whether a binding is one of these."""
    return binding.action.startswith("act(")


def in_force(screen: Screen[Any], offers: Sequence[Offer]) -> tuple[Offer, ...]:
    """The same offers with the keys by which the screen has them, not those they were shipped with."""
    bound: dict[str, list[str]] = {}
    for key, active in screen.active_bindings.items():
        bound.setdefault(active.binding.id or "", []).append(key)

    def keys(offer: Offer) -> Iterator[str]:
        for key in offer.on.keys:
            yield from bound.get(acting_id(key), [key])

    return tuple(
        msgspec.structs.replace(offer, on=msgspec.structs.replace(offer.on, keys=tuple(keys(offer))))
        for offer in offers
    )


class SharedKeys(BindingsMap):
    """Bindings of which several have the same key: one that is bound anew leaves the others where they are."""

    @classmethod
    def in_front(cls, first: Sequence[BindingType], others: BindingsMap) -> SharedKeys:
        """Some bindings, and behind them what was there."""
        found = cls(first)
        for key, binding in others:
            found.key_to_bindings.setdefault(key, []).append(binding)
        return found

    def copy(self) -> SharedKeys:
        """A map of the same bindings."""
        found = SharedKeys()
        found.key_to_bindings = {key: list(bindings) for key, bindings in self.key_to_bindings.items()}
        return found

    def apply_keymap(self, keymap: Keymap) -> KeymapApplyResult:
        """Bind anew what is named by its id; what is bound to the new key gives way, and is told."""
        moved = {binding.id: binding for _, binding in self if keymap.get(binding.id or "")}
        new: dict[str, list[Binding]] = {}
        for name, binding in moved.items():
            for key in keymap[name or ""].split(","):
                new.setdefault(key.strip(), []).append(binding.with_key(key=key.strip()))
        kept = {
            key: [one for one in several if one.id not in moved]
            for key, several in self.key_to_bindings.items()
        }
        clashed = {binding for key in new for binding in kept.get(key, ())}
        self.key_to_bindings = {key: several for key, several in (kept | new).items() if several}
        return KeymapApplyResult(clashed)
