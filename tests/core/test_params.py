"""Params are where untrusted input enters: names are plain, unknown fields refused, values kept out of errors."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from k8sops.actions.cordon import CordonParams
from k8sops.actions.scaling.params import ScaleParams, wanted_replicas


@pytest.mark.parametrize("hostile", ["web\x1b[2J", "web\u202e", "web\nweb", "we\u200bb", "web\x00"])
def test_a_name_with_control_or_invisible_characters_is_refused(hostile: str) -> None:
    """Such a name could redraw the terminal of whoever approves it."""
    with pytest.raises(ValidationError, match="control character"):
        ScaleParams.model_validate({"target": f"deployment/{hostile}", "replicas": 1})


@pytest.mark.parametrize("wrong", ["-web", "a/b", "x" * 254, "web!", ""])
def test_what_is_no_object_name_is_refused(wrong: str) -> None:
    """The name becomes a path; nothing but a name may."""
    with pytest.raises(ValidationError):
        CordonParams(nodes=(wrong,))


@pytest.mark.parametrize(
    ("asked", "present", "wanted"),
    [
        ("5", 3, 5),
        (5, 3, 5),
        ("+2", 3, 5),
        ("-1", 3, 2),
        ("-5", 3, 0),
        ("50%", 3, 2),
        ("200%", 3, 6),
        ("0", 3, 0),
    ],
)
def test_replicas_are_a_number_a_difference_or_a_share(asked: int | str, present: int, wanted: int) -> None:
    """A share is rounded up, since half of one pod is none; nothing goes below zero."""
    params = ScaleParams.model_validate({"target": "deployment/web", "replicas": asked})
    assert params.replicas is not None
    assert wanted_replicas(params.replicas, present) == wanted


@pytest.mark.parametrize("wrong", ["5.5", "x", "%", "+", "1e3", "99999999999"])
def test_what_is_no_number_of_replicas_is_refused(wrong: str) -> None:
    """Refused here, before any request."""
    with pytest.raises(ValidationError):
        ScaleParams.model_validate({"target": "deployment/web", "replicas": wrong})


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400)])
def test_durations_are_written_as_kubectl_takes_them(text: str, seconds: int) -> None:
    """Nobody counts seconds at three in the morning."""
    assert ScaleParams.model_validate({"target": "d/w", "replicas": 1, "timeout": text}).timeout == seconds


@pytest.mark.parametrize("text", ["", "5 minutes", "-5m", "m", "1d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A deadline that is misread is worse than none."""
    with pytest.raises(ValidationError):
        ScaleParams.model_validate({"target": "d/w", "replicas": 1, "timeout": text})


def test_an_unknown_field_is_refused() -> None:
    """A misspelt option must not be dropped."""
    with pytest.raises(ValidationError, match="Extra inputs"):
        ScaleParams.model_validate({"target": "d/w", "replicas": 1, "dryrun": True})


def test_an_error_does_not_repeat_the_value() -> None:
    """What was mistyped may be a secret pasted into the wrong place."""
    with pytest.raises(ValidationError) as caught:
        ScaleParams.model_validate({"target": "d/w", "replicas": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_nodes_or_a_selector_but_not_both() -> None:
    """Neither would mean nothing, both could mean two things."""
    with pytest.raises(ValidationError, match="one of the two"):
        CordonParams()
    with pytest.raises(ValidationError, match="one of the two"):
        CordonParams(nodes=("n1",), selector="zone=a")
