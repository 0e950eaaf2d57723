"""What fails is run once more, and what passes then is named: chance is told from a defect, and hidden by neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.run_tests import MOST, main

FAILS_AT_FIRST = """
from pathlib import Path

def test_that_passes():
    with Path("passing").open("a") as runs:
        runs.write("x")

def test_that_fails_at_first():
    first = not Path("seen").exists()
    Path("seen").touch()
    assert not first
"""


def _tests_of(folder: Path, text: str) -> Path:
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:k8sops_sandbox\n")
    (folder / "test_some.py").write_text(text)
    return folder


def test_what_passes_the_second_time_is_named_and_does_not_fail_the_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One failure in nine thousand tests says little of the change at hand, but it is not to be forgotten."""
    assert main([], _tests_of(tmp_path, FAILS_AT_FIRST)) == 0
    said = capfd.readouterr().out
    assert "assert not first" in said.split("once more, alone")[0], "the first failure is not shown"
    assert said.endswith(
        "UNSTABLE: 1 test failed at first and passed alone, to be mended:\n"
        "  test_some.py::test_that_fails_at_first\n"
    )
    assert (tmp_path / "passing").read_text() == "x", "what passed was run again"


def test_what_fails_twice_fails_the_run_beside_something_unstable(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A second chance is not a third."""
    always = "\ndef test_that_always_fails():\n    assert False\n"
    assert main([], _tests_of(tmp_path, FAILS_AT_FIRST + always)) == 1
    said = capfd.readouterr().out
    assert "2 tests failed; once more" in said
    assert said.endswith("  test_some.py::test_that_fails_at_first\n")


def test_where_many_fail_nothing_is_repeated(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Then something is broken, and half an hour more would tell no more."""
    broken = f"""
import pytest
from pathlib import Path

@pytest.mark.parametrize("number", range({MOST + 1}))
def test_broken(number):
    with Path("runs").open("a") as runs:
        runs.write("x")
    assert False
"""
    assert main([], _tests_of(tmp_path, broken)) == 1
    assert "once more" not in capfd.readouterr().out
    assert len((tmp_path / "runs").read_text()) == MOST + 1


def test_a_run_that_could_not_begin_is_not_repeated(tmp_path: Path) -> None:
    """An option that does not exist is no failure of a test: pytest's own exit code comes through."""
    assert main(["--no-such-option"], _tests_of(tmp_path, FAILS_AT_FIRST)) == 4
    assert not (tmp_path / "seen").exists()
