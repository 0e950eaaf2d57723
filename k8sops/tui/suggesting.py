"""What the command line completes to: kinds first, then namespaces, and contexts behind an `@`."""

from __future__ import annotations

from collections.abc import Sequence

from textual.suggester import Suggester

from k8sops.core.ports import Resource
from k8sops.tui.commands import KIND_SUGGESTIONS, OWN_COMMANDS
from k8sops.tui.screens import SCREENS


class CommandSuggester(Suggester):
    """Completes the word being typed."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._words: tuple[str, ...] = (*KIND_SUGGESTIONS, *SCREENS, *OWN_COMMANDS)
        self._namespaces: tuple[str, ...] = ()
        self.served: frozenset[str] = frozenset()
        """Every name, short ones too, that this cluster gives its kinds."""
        self._contexts: tuple[str, ...] = ()

    def know(self, kinds: Sequence[Resource], namespaces: Sequence[str]) -> None:
        """Complete from what this cluster serves; of one plural in two groups the second is named with its group."""
        plurals: dict[str, None] = {}
        for kind in kinds:
            plurals.setdefault(kind.qualified if kind.plural in plurals else kind.plural)
        usual = [name for name in KIND_SUGGESTIONS if name in plurals]
        self._words = tuple(dict.fromkeys((*usual, *SCREENS, *OWN_COMMANDS, *sorted(plurals))))
        self._namespaces = tuple(namespaces)
        self.served = frozenset(
            name for kind in kinds for name in (kind.plural, kind.singular, *kind.short_names)
        )

    def know_contexts(self, names: Sequence[str]) -> None:
        """Complete contexts from these."""
        self._contexts = tuple(names)

    async def get_suggestion(self, value: str) -> str | None:
        """As Textual asks for it."""
        return self.complete(value)

    def complete(self, value: str) -> str | None:
        """The whole line, completed; None where nothing fits."""
        candidates: Sequence[str]
        before, _, word = value.rpartition(" ")
        if not word:
            return None
        listed, comma, last = word.rpartition(",")
        if comma and before.strip():
            # Of several namespaces or contexts the last one is being typed.
            known = self._contexts if word.startswith("@") else self._namespaces
            word, candidates = last, [name for name in known if name not in listed.lstrip("@").split(",")]
            if not word:
                return None
        elif word.startswith("@"):
            candidates = [f"@{name}" for name in self._contexts]
        elif before.strip() in {"ctx", "context", "contexts"}:
            candidates = self._contexts
        else:
            candidates = self._namespaces if before.strip() else self._words
        found = next((each for each in candidates if each.startswith(word) and each != word), None)
        return value[: len(value) - len(word)] + found if found else None
