"""`doctor` says of redaction what one would else learn in the middle of an incident: a rule that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8sops.core.errors import ExitCode
from k8sops.core.plan import JsonObject
from k8sops.service.config import config_of
from k8sops.service.doctor import Check
from k8sops.service.redaction_doctor import redaction_checks


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of the test's own."""
    monkeypatch.setenv("K8SOPS_DATA", str(tmp_path))
    return tmp_path


def checks(**redaction: object) -> list[Check]:
    values: JsonObject = {"redaction": redaction}
    return list(redaction_checks(config_of(values)))


def test_what_is_taken_out_is_said_in_one_sentence(data: Path) -> None:
    """Whoever hands a bundle on wants to know it; and asking makes no key."""
    (plain,) = checks()
    assert plain.level == "ok"
    assert plain.text == "secrets are taken out of what is recorded, sent to a chat and bundled"
    (own,) = checks(
        rules=[{"name": "order", "pattern": "ord_[0-9]+"}], emails=True, allow=["a"], allow_patterns=["x+"]
    )
    assert own.text.endswith(
        "; also by 1 rule of your own, e-mail addresses; allowed to stay: 1 value, what fits 1 pattern"
    )
    assert not list(data.iterdir())


@pytest.mark.parametrize(
    ("redaction", "told"),
    [
        ({"rules": [{"name": "order", "pattern": "("}]}, "rule order is not used"),
        ({"rules": [{"name": "Order 1", "pattern": "x"}]}, "'Order 1' is no name"),
        ({"allow_patterns": ["(?=x)"]}, "of allowed values is not used"),
    ],
)
def test_a_rule_that_cannot_be_used_is_a_failure_by_its_name(
    data: Path, redaction: dict[str, object], told: str
) -> None:
    """It is the configuration that is wrong: exit code 2."""
    (failure,) = checks(**redaction)
    assert (failure.level, failure.exit_code) == ("failure", ExitCode.USAGE)
    assert told in failure.text
    assert failure.hint


def test_a_pattern_that_lets_everything_stay_is_a_warning(data: Path) -> None:
    """`.*` was meant for one value, and turns redaction off."""
    found = checks(allow_patterns=[".*"])
    assert [check.level for check in found] == ["ok", "warning"]
    assert "no secret is taken out" in found[1].text
    assert len(checks(allow_patterns=["demo-.*"])) == 1


def test_a_key_that_others_can_read_is_a_failure(data: Path) -> None:
    """Whoever has read it can test guesses against what is on record."""
    key = data / "redaction.key"
    key.write_bytes(bytes(32))
    key.chmod(0o644)
    (failure,) = checks()
    assert failure.level == "failure"
    assert "can be used by others" in failure.text
