"""The limits on verifying a chain, as a test for whoever runs measurements with pytest."""

from __future__ import annotations

import pytest

from tests.bench.bench_audit import figures


@pytest.mark.bench
def test_a_hundred_thousand_records_are_verified_in_a_second() -> None:
    """A trail of years must be checked before a release, not over a weekend."""
    assert [str(figure) for figure in figures() if not figure.held] == []
