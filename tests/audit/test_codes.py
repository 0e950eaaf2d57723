"""Codes are what people write filters and alarms against: all documented, none lost."""

from __future__ import annotations

from pathlib import Path

from k8sops.audit.codes import CODE, CODES
from k8sops.audit.ocsf import _ACTIVITY_OF, _SEVERITY_OF
from k8sops.core.run import RunState

DOCS = Path(__file__).parents[2] / "docs" / "audit.md"


def test_the_documentation_lists_every_code_with_its_line() -> None:
    """A code nobody can look up is a riddle in a review, years later."""
    table = DOCS.read_text(encoding="utf-8").partition("## Event codes")[2]
    found = [line for line in table.splitlines() if line.startswith("| `")]
    assert found == [f"| `{code}` | {meaning} |" for code, meaning in CODES.items()]


def test_codes_have_one_form_and_fit_the_store_s_column() -> None:
    """The column that finds records holds 48 characters."""
    assert [code for code in CODES if CODE.fullmatch(code) is None or len(code) > 48] == []


def test_every_state_a_run_can_come_to_has_a_code() -> None:
    """A state without a code could not be recorded, and so not be reached."""
    assert {f"run.{state}" for state in RunState} <= CODES.keys()


def test_only_listed_codes_are_mapped_for_other_systems() -> None:
    """A misspelt code in a mapping would silently fall back to Other."""
    assert _ACTIVITY_OF.keys() | _SEVERITY_OF.keys() <= CODES.keys()
