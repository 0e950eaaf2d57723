"""The chain: what is missing, moved, forged or older than what was seen is told, by its number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.backup.chain import Chain, Mark, read_chain
from k8sops.backup.errors import RepositoryBrokenError, RepositoryRolledBackError
from k8sops.backup.manifest import ManifestFile, ManifestKind, Position, Removed, sign_manifest
from k8sops.backup.names import GREATEST_NUMBER
from tests.backup.files import ALICE, CLUSTER, MALLORY, OTHER_CLUSTER, REPOSITORY, TRUSTED, digest, flipped

Files = dict[int, bytes]


def chain_of(files: Files) -> Chain:
    return read_chain(files, repository=REPOSITORY, cluster=CLUSTER, trusted=TRUSTED)


def grown(files: Files, *removes: int, body: bytes = b"body") -> Files:
    """One more manifest: a backup, or a tombstone that removes these numbers."""
    chain = chain_of(files)
    gone = [Removed(seq, chain.digest_of(seq) or "") for seq in removes]
    kind: ManifestKind = "tombstone" if gone else "backup"
    made = sign_manifest(body, chain.next_position(), ALICE, kind=kind, removes=gone)
    return {**files, made.manifest.seq: made.data}


def backups(count: int) -> Files:
    files: Files = {}
    for _ in range(count):
        files = grown(files)
    return files


def said(chain: Chain) -> list[str]:
    return [problem.message for problem in chain.problems]


FIVE = backups(5)
PRUNED = grown(grown(FIVE), 1, 3)
"""Numbers 1 to 6, and 7, which removes 1 and 3."""


def test_an_undisturbed_chain_holds() -> None:
    """All live, the next number known, and the mark to keep."""
    chain = chain_of(FIVE)
    assert said(chain) == []
    assert chain.live == (1, 2, 3, 4, 5)
    assert chain.newest == Mark(5, digest(FIVE[5]))
    assert chain.next_position() == Position(
        repository=REPOSITORY, cluster=CLUSTER, seq=6, previous=digest(FIVE[5])
    )
    assert chain.check_live(3).data == FIVE[3]


def test_a_new_repository_begins_at_one() -> None:
    """And has no mark to keep."""
    chain = chain_of({})
    assert (chain.newest, chain.problems, chain.next_position().seq) == (None, (), 1)
    assert chain.next_position().previous == ""


@given(kept=st.sets(st.sampled_from([1, 3])))
def test_what_a_tombstone_names_is_gone_whether_its_file_is_there_or_not(kept: set[int]) -> None:
    """Files go a day later, or never where a bucket is locked."""
    chain = chain_of({seq: data for seq, data in PRUNED.items() if seq not in {1, 3} - kept})
    assert said(chain) == []
    assert chain.live == (2, 4, 5, 6)
    assert set(chain.removed) == {1, 3}
    with pytest.raises(RepositoryBrokenError, match="000000000003 was taken away by a tombstone"):
        chain.check_live(3)
    with pytest.raises(RepositoryBrokenError, match="000000000007 is no backup"):
        chain.check_live(7)


@pytest.mark.parametrize("missing", [2, 4, 5, 6])
def test_a_number_that_nothing_accounts_for_is_named(missing: int) -> None:
    """It was there: somebody took it."""
    chain = chain_of({seq: data for seq, data in PRUNED.items() if seq != missing})
    assert said(chain) == [f"backups/{CLUSTER}/{missing:012d} is missing, and no tombstone removed it"]


def test_a_stretch_of_missing_numbers_is_named_once() -> None:
    """A file under a number a billion ahead must not cost a billion steps either."""
    chain = chain_of({1: FIVE[1], 5: FIVE[5], GREATEST_NUMBER: b"junk"})
    assert said(chain)[0] == (
        f"backups/{CLUSTER}/000000000002 and all up to number 4 are missing, and no tombstone removed them"
    )
    assert "all up to number 999999999998 are missing" in said(chain)[1]
    assert f"backups/{CLUSTER}/999999999999 cannot be read" in said(chain)[2]


def test_without_its_tombstone_what_was_removed_is_missing() -> None:
    """Whoever deletes a tombstone deletes the excuse for what it removed."""
    files = {seq: data for seq, data in grown(PRUNED).items() if seq not in {1, 3, 7}}
    assert [message.split(" is ")[0][-2:] for message in said(chain_of(files))] == ["01", "03", "07"]


@given(seq=st.integers(1, 5), at=st.integers(0, 100), mask=st.sampled_from([1, 2, 4, 8, 16, 32, 64]))
def test_a_damaged_manifest_is_named_and_the_others_still_count(seq: int, at: int, mask: int) -> None:
    """One bad file must not take the rest of the backups away."""
    data = FIVE[seq]
    chain = chain_of({**FIVE, seq: flipped(data, at * (len(data) - 1) // 100, mask)})
    assert len(chain.problems) == 1
    assert f"{seq:012d} " in said(chain)[0]
    assert chain.live == tuple(number for number in range(1, 6) if number != seq)


@given(order=st.permutations([1, 2, 3, 4, 5]))
def test_swapped_manifests_are_named(order: list[int]) -> None:
    """Each is genuine; its number is signed."""
    chain = chain_of({seq: FIVE[other] for seq, other in enumerate(order, 1)})
    moved = [seq for seq, other in enumerate(order, 1) if seq != other]
    assert [int(message.split()[0][-12:]) for message in said(chain)] == moved
    assert all("is the manifest of another number" in message for message in said(chain))


def test_a_signed_manifest_that_follows_another_one_is_named() -> None:
    """A writer that lost its number, or lies, puts a second history beside the first."""
    other = grown(backups(2), body=b"other")[3]
    chain = chain_of({**FIVE, 3: other})
    assert said(chain) == [
        f"backups/{CLUSTER}/000000000004 does not follow number 3: it names another file as that"
    ]
    fork = sign_manifest(
        b"", Position(repository=REPOSITORY, cluster=CLUSTER, seq=6, previous="0" * 64), ALICE
    )
    assert said(chain_of({**FIVE, 6: fork.data})) == [
        f"backups/{CLUSTER}/000000000006 does not follow number 5: it names another file as that"
    ]


def test_a_chain_by_a_key_nobody_trusts_removes_nothing() -> None:
    """A forged tombstone is a manifest that does not count."""
    forged = sign_manifest(
        b"", chain_of(FIVE).next_position(), MALLORY, kind="tombstone", removes=[Removed(5, digest(FIVE[5]))]
    )
    chain = chain_of({**FIVE, 6: forged.data})
    assert chain.live == (1, 2, 3, 4, 5)
    assert "a key that the configuration does not trust" in said(chain)[0]
    with pytest.raises(RepositoryBrokenError, match="000000000006 is the newest and cannot be believed"):
        chain.next_position(6)


def test_another_clusters_manifests_do_not_count() -> None:
    """Shown in this one's folder they would restore the wrong cluster."""
    chain = read_chain(FIVE, repository=REPOSITORY, cluster=OTHER_CLUSTER, trusted=TRUSTED)
    assert (chain.live, len(chain.problems)) == ((), 5)


def test_a_tombstone_that_removes_wrongly_is_named() -> None:
    """Another file under that number, a tombstone, or the same number as another file."""
    at = chain_of(PRUNED).next_position()

    def stone(*removes: Removed) -> ManifestFile:
        return sign_manifest(b"", at, ALICE, kind="tombstone", removes=removes)

    for made, message in (
        (stone(Removed(2, "0" * 64)), "removes a number 2 that is another file"),
        (stone(Removed(7, digest(PRUNED[7]))), "removes number 7, which is a tombstone"),
    ):
        assert said(chain_of({**PRUNED, 8: made.data})) == [f"backups/{CLUSTER}/000000000008 {message}"]
    again = stone(Removed(1, "0" * 64))
    kept = {seq: data for seq, data in PRUNED.items() if seq != 1}
    chain = chain_of({**kept, 8: again.data})
    assert any("removes another number 1 than a tombstone before it" in message for message in said(chain))
    assert chain.digest_of(1) == digest(PRUNED[1])


@given(seen=st.integers(1, 7), shown=st.integers(0, 7))
def test_a_repository_that_shows_less_than_was_seen_is_refused(seen: int, shown: int) -> None:
    """Every file of the older state is genuine: only who remembers can tell."""
    mark = Mark(seen, digest(PRUNED[seen]))
    chain = chain_of({seq: data for seq, data in PRUNED.items() if seq <= shown})
    if shown >= seen:
        chain.check_mark(mark)
    else:
        with pytest.raises(RepositoryRolledBackError, match=f"{seen:012d} was seen, and its newest now is"):
            chain.check_mark(mark)


def test_a_repository_that_shows_something_else_than_was_seen_is_refused() -> None:
    """A compromised writer may sign a second history as long as the first."""
    mark = Mark(3, digest(FIVE[3]))
    other = grown(grown(grown(backups(2), body=b"other")))
    with pytest.raises(RepositoryRolledBackError, match="000000000003 is not the file that was seen"):
        chain_of(other).check_mark(mark)
    chain_of({}).check_mark(None)


def test_a_pruned_mark_is_known_by_its_tombstone() -> None:
    """The last backup that was seen may have been removed since, in order."""
    chain = chain_of({seq: data for seq, data in PRUNED.items() if seq != 3})
    chain.check_mark(Mark(3, digest(PRUNED[3])))
    with pytest.raises(RepositoryRolledBackError, match="000000000003 is not the file that was seen"):
        chain.check_mark(Mark(3, "0" * 64))


def test_a_signer_who_is_trusted_no_more_is_no_rollback() -> None:
    """Leaving must not look like an attack; what they signed is refused one by one."""
    chain = read_chain(FIVE, repository=REPOSITORY, cluster=CLUSTER, trusted={MALLORY.key_id: MALLORY.public})
    chain.check_mark(Mark(5, digest(FIVE[5])))
    assert len(chain.problems) == 5
    with pytest.raises(RepositoryBrokenError, match="cannot be believed"):
        chain.next_position(5)


def test_numbers_end() -> None:
    """At a backup a second, in some thirty thousand years; a name has twelve digits all the same."""
    last = sign_manifest(
        b"", Position(repository=REPOSITORY, cluster=CLUSTER, seq=GREATEST_NUMBER, previous="0" * 64), ALICE
    )
    with pytest.raises(RepositoryBrokenError, match="has the greatest number there is"):
        chain_of({GREATEST_NUMBER: last.data}).next_position()
