"""Columns sort by what their cells mean, whatever mixture they hold."""

from __future__ import annotations

import itertools
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.tui.sort_keys import SortKey, sort_key


def _key(cell: str, *, holds_durations: bool = False) -> SortKey:
    key = sort_key(cell, holds_durations=holds_durations)
    assert key is not None
    return key


@pytest.mark.parametrize(
    "ascending",
    [
        ["2", "10", "100"],
        ["3 (5h ago)", "3 (5m ago)", "14 (9d ago)"],
        ["0/3", "0/5", "1/2", "2/2", "3/3"],
        ["10.0.0.2", "10.0.0.10", "10.0.1.1", "fd00::2", "fd00::10"],
        ["500m", "2", "128Ki", "1Mi", "1G", "1Gi"],
        ["web-2", "web-10", "Web-11"],
        ["9%", "10%", "120%"],
        ["10.0.0.0/16", "10.0.0.0/24"],
        ["-1", "0", "1"],
        ["5", "web"],
    ],
)
def test_cells_sort_by_value_and_not_by_spelling(ascending: list[str]) -> None:
    """Sorting restarts as text would put 9 above 100 when it matters most."""
    shuffled = ascending[::-1]
    assert sorted(shuffled, key=_key) == ascending


def test_a_hundred_m_is_minutes_only_in_a_column_of_durations() -> None:
    """A tenth of a CPU and a hundred minutes are printed alike."""
    assert sort_key("100m") < sort_key("1")  # type: ignore[operator]
    assert sort_key("100m", holds_durations=True) > sort_key("2m30s", holds_durations=True)  # type: ignore[operator]


@pytest.mark.parametrize("cell", ["", "  ", "<none>", "<unknown>", "-", "<invalid>"])
def test_a_cell_that_holds_nothing_has_no_key(cell: str) -> None:
    """Rows without a value stay at the end in both directions."""
    assert sort_key(cell) is None


@given(
    st.lists(
        st.text(max_size=20) | st.from_regex(r"[0-9a-f:./%m]{1,12}", fullmatch=True), min_size=2, max_size=12
    )
)
def test_any_two_cells_compare(cells: list[str]) -> None:
    """One odd cell from a custom resource must not break a table."""
    keys = [key for cell in cells if (key := sort_key(cell)) is not None]
    for one, other in itertools.pairwise(keys):
        assert (one < other) or (other < one) or (one == other)


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(min_value=0, max_value=32))
def test_an_address_read_quickly_sorts_as_the_library_reads_it(
    one: IPv4Address, other: IPv4Address, prefix: int
) -> None:
    """Plain addresses are read without the library, those with a prefix by it; they stand in one column."""
    first, second, network = sort_key(str(one)), sort_key(str(other)), sort_key(f"{other}/{prefix}")
    assert first is not None
    assert second is not None
    assert network is not None
    assert (first < second) is (one < other)
    assert (first < network) is ((one, 32) < (other, prefix))


@pytest.mark.parametrize("cell", ["10.0.0.256", "010.0.0.1", "10.0.0", "10.0.0.1.2"])
def test_what_only_looks_like_an_address_is_none(cell: str) -> None:
    """Four numbers with dots may be a version."""
    key, address = sort_key(cell), sort_key("10.0.0.1")
    assert key is not None
    assert address is not None
    assert key[0] != address[0]
