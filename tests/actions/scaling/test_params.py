"""What may be typed as a number of replicas, and what is said of what may not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from k8sops.actions.scaling.params import MOST_REPLICAS, ScaleParams


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("5", 5), ("007", 7), (f"{MOST_REPLICAS}", MOST_REPLICAS), ("+2", "+2"), ("50%", "50%")],
)
def test_a_number_a_step_and_a_percentage_are_taken(typed: str, meant: int | str) -> None:
    """As people type them."""
    assert ScaleParams(target="deployment/web", replicas=typed).replicas == meant  # type: ignore[call-arg]


@pytest.mark.parametrize("typed", [f"{MOST_REPLICAS + 1}", "999999999999", "9" * 5000])
def test_too_large_a_number_is_told_the_limit(typed: str) -> None:
    """That it is no number would be wrong, and more digits than Python takes must not be an error of ours."""
    with pytest.raises(ValidationError, match=f"at most {MOST_REPLICAS}"):
        ScaleParams(target="deployment/web", replicas=typed)  # type: ignore[call-arg]
