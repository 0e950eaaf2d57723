"""What the base of a backup holds: read without being sorted, and the same as when it is."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.backup.bodies import KindCount
from k8sops.backup.errors import RepositoryBrokenError
from k8sops.backup.listing import Kind, Listing, difference, resolve
from k8sops.backup.vault.contents import Contents
from k8sops.backup.vault.items import Key
from k8sops.backup.vault.rows import rows_of
from tests.backup.files import CLUSTER
from tests.backup.test_listing import State, kind_sets, states, written
from tests.backup.test_listing import rows_of as rows_in
from tests.backup.test_manifest import BACKUP


def contents_of(chain: list[Listing], state: State) -> Contents:
    """A backup of this state, whose manifest says what it comes to."""
    kinds = chain[0].head.kinds
    counts = tuple(KindCount(*kind.key, sum(key[:2] == kind.key for key in state)) for kind in kinds)
    body = msgspec.structs.replace(BACKUP, kinds=counts)
    return Contents(CLUSTER, body, tuple(chain))


@given(history=st.lists(st.tuples(states, kind_sets), min_size=1, max_size=5))
def test_the_rows_of_a_base_are_those_of_its_listing_in_order(
    history: list[tuple[State, tuple[Kind, ...]]],
) -> None:
    """A backup that took over an object which is gone, or an older version of one, would be wrong unnoticed."""
    chain: list[Listing] = []
    for state, kinds in history:
        rows = rows_in(state, kinds)
        own = list(difference(resolve(chain, kinds), rows)) if chain else rows
        chain.insert(0, written(own, chain[0] if chain else None, kinds, objects=len(rows)))
        assert rows_of(contents_of(chain, state)) == {
            Key(*kinds[row.kind].key, row.namespace, row.name): (row.uid, row.resource_version, row.id)
            for row in rows
        }


def test_a_base_that_comes_to_something_else_is_not_rested_on() -> None:
    """Neither where its listings do not come to what they say, nor where the manifest says otherwise."""
    state: State = {("", "pods", "shop", "a"): ("u", "1", bytes(32))}
    short = written(rows_in(state), objects=2)
    with pytest.raises(RepositoryBrokenError, match="comes to 1 objects"):
        rows_of(contents_of([short], state))
    with pytest.raises(RepositoryBrokenError, match="other objects than its manifest says"):
        rows_of(contents_of([written(rows_in(state))], {}))
