"""The sources by name: what help says, what the documentation says, and what there is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from k8sops.actions.collecting.sources.catalog import SOURCES
from k8sops.actions.collecting.sources.names import NAMES

PAGE = Path(__file__).parents[4] / "docs" / "bundles.md"


def test_every_name_has_its_function_and_every_function_its_name() -> None:
    """`--include-sources` takes the one and runs the other."""
    assert list(SOURCES) == list(NAMES)
    assert all(named.name == name and named.summary == NAMES[name] for name, named in SOURCES.items())


def test_help_loads_none_of_them() -> None:
    """The names stand in `--help`, which must be there at once."""
    code = "import sys, k8sops.actions.collecting.sources.names; print('k8sops.core.plan' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_the_documentation_tells_each_source() -> None:
    """Whoever leaves one out wants to know what goes with it."""
    text = PAGE.read_text()
    for name in SOURCES:
        assert f"| `{name}` |" in text, name
