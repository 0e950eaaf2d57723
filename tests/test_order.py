"""The order in which `make test` takes the files."""

from __future__ import annotations

from tests.conftest import HERE
from tests.support.longest import LONGEST_FIRST


def test_every_file_that_is_to_be_first_is_there() -> None:
    """A name that nobody has any more would let a file that was renamed come last again."""
    assert [name for name in LONGEST_FIRST if not (HERE / name).is_file()] == []
    assert len(set(LONGEST_FIRST)) == len(LONGEST_FIRST)
