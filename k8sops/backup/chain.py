"""Whether the manifests of a cluster are all there, in their order, and not older than what was seen (FORMAT.md).

A number that is missing is a manifest that was removed: by a tombstone, which names it and its digest, or by somebody.
Nobody who only reads the storage's present state can know that its newest part was cut off: for that there is the mark,
which whoever reads or writes keeps outside the repository. All of this needs no key that opens anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

import msgspec

from k8sops.backup.errors import (
    RepositoryBrokenError,
    RepositoryError,
    RepositoryNewerError,
    RepositoryRolledBackError,
    RepositoryUntrustedError,
    broken,
)
from k8sops.backup.manifest import ManifestFile, Position, Removed, read_manifest
from k8sops.backup.names import GREATEST_NUMBER, manifest_name
from k8sops.backup.signed import Trusted


class Mark(msgspec.Struct, frozen=True):
    """The newest manifest that was seen: its number and the digest of its file. Kept outside the repository."""

    seq: int
    sha256: str


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """What a cluster's manifests come to; `problems` is empty if nothing is wrong with them.

    `live` are the backups that count, by number; `removed` those that a tombstone took away, whether their files are
    still there or not. Both are told only from manifests whose signature holds. `digests` are of all files there are.
    """

    repository: str
    cluster: str
    files: Mapping[int, ManifestFile]
    digests: Mapping[int, str]
    live: tuple[int, ...]
    removed: Mapping[int, Removed]
    problems: tuple[RepositoryError, ...]
    problem_numbers: tuple[int, ...] = ()
    """Of each problem the number it is told of; a stretch that is missing begins with it."""

    @property
    def newest(self) -> Mark | None:
        """The mark to keep, if there is any manifest."""
        if not self.files:
            return None
        seq = max(self.files)
        return Mark(seq, self.files[seq].sha256)

    def next_position(self, greatest_name: int = 0) -> Position:
        """Where the next manifest stands. `greatest_name` is the greatest number that has a file, readable or not.

        Raises RepositoryBrokenError where the newest file is none that could be built upon, or numbers are used up.
        """
        mark = self.newest or Mark(0, "")
        if greatest_name > mark.seq:
            raise broken(
                manifest_name(self.cluster, greatest_name),
                "is the newest and cannot be believed, so none can follow",
            )
        if mark.seq >= GREATEST_NUMBER:
            raise broken(manifest_name(self.cluster, mark.seq), "has the greatest number there is")
        return Position(
            repository=self.repository, cluster=self.cluster, seq=mark.seq + 1, previous=mark.sha256
        )

    def digest_of(self, seq: int) -> str | None:
        """The digest of a manifest's file, from the file or from the tombstone that removed it."""
        if seq in self.files:
            return self.files[seq].sha256
        return self.removed[seq].sha256 if seq in self.removed else None

    def check_mark(self, mark: Mark | None) -> None:
        """Refuse a repository that shows less than was seen of it, or something else there.

        Raises RepositoryRolledBackError.
        """
        if mark is None or self.digests.get(mark.seq, self.digest_of(mark.seq)) == mark.sha256:
            return
        hint = (
            "do not write to it; read another location, or, if it was restored from a copy on purpose, "
            "tell `k8sops backups verify --accept-rollback`"
        )
        name = manifest_name(self.cluster, mark.seq)
        newest = max(self.digests, default=0)
        if newest < mark.seq:
            shown = f"number {newest}" if newest else "no manifest at all"
            raise RepositoryRolledBackError(
                f"the repository was rolled back: {name} was seen, and its newest now is {shown}", hint=hint
            )
        raise RepositoryRolledBackError(
            f"the repository was rewritten: {name} is not the file that was seen", hint=hint
        )

    def check_readable(self) -> None:
        """Refuse what makes a manifest doubtful whose signature holds, or leaves none; a lost one harms no other.

        Each manifest is signed with its repository, cluster and number, so that what can be read of a damaged chain is
        what was written there; whether something was taken away from it, `problems` tells. Raises the first such one.
        """
        for number, problem in zip(self.problem_numbers, self.problems, strict=True):
            if number in self.files or not self.live:
                raise problem

    def check_live(self, seq: int) -> ManifestFile:
        """The manifest of a backup that counts; raises RepositoryBrokenError for one that does not."""
        name = manifest_name(self.cluster, seq)
        if seq in self.removed:
            raise broken(name, "was taken away by a tombstone")
        if seq not in self.live:
            raise broken(name, "is no backup that can be read")
        return self.files[seq]


_REFUSED: Final = (RepositoryBrokenError, RepositoryNewerError, RepositoryUntrustedError)


def read_chain(files: Mapping[int, bytes], *, repository: str, cluster: str, trusted: Trusted) -> Chain:
    """All manifests of a cluster by their numbers, as the storage has them, checked one by one and against each other.

    Raises nothing for a bad file: `Chain.problems` names each, in the order of their numbers.
    """
    found: dict[int, ManifestFile] = {}
    problems: dict[int, list[RepositoryError]] = {}
    for seq, data in files.items():
        try:
            found[seq] = read_manifest(data, repository=repository, cluster=cluster, seq=seq, trusted=trusted)
        except _REFUSED as error:
            problems.setdefault(seq, []).append(error)
    removed: dict[int, Removed] = {}
    for _, file in sorted(found.items()):
        for item in file.manifest.removes:
            removed.setdefault(item.seq, item)
    chain = Chain(
        repository=repository,
        cluster=cluster,
        files=dict(sorted(found.items())),
        digests={seq: hashlib.sha256(data).hexdigest() for seq, data in sorted(files.items())},
        live=tuple(
            seq
            for seq, file in sorted(found.items())
            if file.manifest.kind == "backup" and seq not in removed
        ),
        removed=removed,
        problems=(),
    )
    for seq, problem in (*_gaps(chain, set(files)), *_breaks(chain), *_wrongly_removed(chain)):
        problems.setdefault(seq, []).append(problem)
    ordered = [(seq, problem) for seq in sorted(problems) for problem in problems[seq]]
    return msgspec.structs.replace(
        chain,
        problems=tuple(problem for _, problem in ordered),
        problem_numbers=tuple(seq for seq, _ in ordered),
    )


def _gaps(chain: Chain, present: set[int]) -> Iterator[tuple[int, RepositoryError]]:
    """Numbers that nothing accounts for, a stretch at a time: a hostile name may be a billion ahead."""
    known = sorted({0, *present, *chain.removed})
    for before, after in pairwise(known):
        first, last = before + 1, after - 1
        if first == last:
            yield (
                first,
                broken(manifest_name(chain.cluster, first), "is missing, and no tombstone removed it"),
            )
        elif first < last:
            yield (
                first,
                broken(
                    manifest_name(chain.cluster, first),
                    f"and all up to number {last} are missing, and no tombstone removed them",
                ),
            )


def _breaks(chain: Chain) -> Iterator[tuple[int, RepositoryError]]:
    """Manifests that do not name the one before them; of one that cannot be believed nothing is said twice."""
    for seq, file in chain.files.items():
        before = chain.digest_of(seq - 1)
        if before is not None and file.manifest.previous != before:
            yield seq, broken(file.name, f"does not follow number {seq - 1}: it names another file as that")


def _wrongly_removed(chain: Chain) -> Iterator[tuple[int, RepositoryError]]:
    named: dict[int, str] = {}
    for seq, file in chain.files.items():
        for item in file.manifest.removes:
            there = chain.files.get(item.seq)
            if there is not None and there.sha256 != item.sha256:
                yield seq, broken(file.name, f"removes a number {item.seq} that is another file")
            elif there is not None and there.manifest.kind == "tombstone":
                yield seq, broken(file.name, f"removes number {item.seq}, which is a tombstone")
            elif named.setdefault(item.seq, item.sha256) != item.sha256:
                yield seq, broken(file.name, f"removes another number {item.seq} than a tombstone before it")
