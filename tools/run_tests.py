"""All tests, and what failed once more: `python -m tools.run_tests [pytest's options]`.

The suite drives real control planes, databases and terminals on few cores, so a defect may show in one run of many.
What fails is run again, alone, when all else is over. What fails then too fails the run; what passes then is named as
unstable at the very end, its first failure printed above: a defect to look for, of a test or of the program, but not
the change at hand. Where more than a few fail, something is broken and nothing is repeated.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

MOST: Final = 10
"""So many failures may be chance; more are not."""
TESTS_FAILED: Final = 1
"""pytest's exit code for it (https://docs.pytest.org/en/stable/reference/exit-codes.html)."""
FAILED_BEFORE: Final = Path(".pytest_cache/v/cache/lastfailed")


def main(options: Sequence[str], folder: Path) -> int:
    """Run the tests of `folder`; pytest's exit code, 0 where what failed passed the second time."""
    (folder / FAILED_BEFORE).unlink(missing_ok=True)  # what an earlier run left is not of this one
    code = run_pytest(options, folder)
    failed = failed_tests(folder) if code == TESTS_FAILED else []
    if not 0 < len(failed) <= MOST:
        return code
    say(f"{told(failed)} failed; once more, alone, to tell what always fails from what is unstable")
    code = run_pytest(["--last-failed", "-v"], folder)
    unstable = sorted(set(failed) - set(failed_tests(folder))) if code in {0, TESTS_FAILED} else []
    if unstable:
        say(f"UNSTABLE: {told(unstable)} failed at first and passed alone, to be mended:")
        for test in unstable:
            say(f"  {test}")
    return code


def run_pytest(options: Sequence[str], folder: Path) -> int:
    """Its exit code. Ctrl-C is pytest's to hear: it lets go of control planes and databases."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run([sys.executable, "-m", "pytest", *options], cwd=folder, check=False).returncode  # noqa: S603 - our own interpreter
    finally:
        signal.signal(signal.SIGINT, before)


def failed_tests(folder: Path) -> list[str]:
    """What pytest remembers as failed."""
    remembered = folder / FAILED_BEFORE
    return sorted(json.loads(remembered.read_text(encoding="utf-8"))) if remembered.exists() else []


def told(tests: Sequence[str]) -> str:
    """How many, in words."""
    return "1 test" if len(tests) == 1 else f"{len(tests)} tests"


def say(text: str) -> None:
    """A line between pytest's, in order with them."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).parent.parent))
