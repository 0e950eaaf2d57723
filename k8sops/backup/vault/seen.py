"""What was seen of a repository before, kept outside of it: without that nobody notices that its newest part is gone.

The port is small, so that a store, the audit trail or a file can stand behind it. See FORMAT.md, Rollback.
"""

from __future__ import annotations

from typing import Final, Protocol

from k8sops.backup.chain import Mark


class Seen(Protocol):
    """The newest manifest seen of each repository and cluster, and the greatest epoch of each repository."""

    async def newest(self, repository: str, cluster: str) -> Mark | None:
        """The newest manifest that was seen, or None."""
        ...

    async def saw(self, repository: str, cluster: str, mark: Mark) -> None:
        """Keep it, unless a greater number is kept: two processes tell in any order."""
        ...

    async def clusters(self, repository: str) -> tuple[str, ...]:
        """The clusters of which a manifest was seen: a prune must not take one whose folder is gone for none."""
        ...

    async def greatest_epoch(self, repository: str) -> int:
        """The greatest epoch that was opened or written under; 0 if none was."""
        ...

    async def saw_epoch(self, repository: str, epoch: int) -> None:
        """Keep it, unless a greater one is kept."""
        ...


class SeenHere:
    """A `Seen` that lasts as long as the process."""

    def __init__(self) -> None:
        self._marks: Final[dict[tuple[str, str], Mark]] = {}
        self._epochs: Final[dict[str, int]] = {}

    async def newest(self, repository: str, cluster: str) -> Mark | None:
        """The newest manifest that was seen, or None."""
        return self._marks.get((repository, cluster))

    async def saw(self, repository: str, cluster: str, mark: Mark) -> None:
        """Keep it, unless a greater number is kept."""
        kept = self._marks.get((repository, cluster))
        if kept is None or kept.seq < mark.seq:
            self._marks[repository, cluster] = mark

    async def clusters(self, repository: str) -> tuple[str, ...]:
        """The clusters of which a manifest was seen."""
        return tuple(sorted(cluster for seen, cluster in self._marks if seen == repository))

    async def greatest_epoch(self, repository: str) -> int:
        """The greatest epoch that was seen; 0 if none was."""
        return self._epochs.get(repository, 0)

    async def saw_epoch(self, repository: str, epoch: int) -> None:
        """Keep it, unless a greater one is kept."""
        self._epochs[repository] = max(epoch, self._epochs.get(repository, 0))
