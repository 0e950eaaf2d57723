"""What importing costs: the core and the command line must not load a screen, a chat client or a cluster client."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("textual", "slack_bolt", "kubernetes", "aiohttp", "pydantic", "rich", "jinja2", "yaml", "tenacity")


def _modules_loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120
    )
    return set(done.stdout.split())


def _loaded_by(module: str) -> set[str]:
    return {name.partition(".")[0] for name in _modules_loaded_by(module)}


def test_help_imports_nothing_heavy() -> None:
    """`k8sops --help` answers within a fifth of a second only if it stays so."""
    assert not _loaded_by("k8sops.cli.main") & set(HEAVY)


@pytest.mark.parametrize(
    "module", ["k8sops.core.plan", "k8sops.core.run", "k8sops.core.errors", "k8sops.core.tables"]
)
def test_the_core_s_words_import_no_client(module: str) -> None:
    """Every room imports them, so every room would pay."""
    assert not _loaded_by(module) & set(HEAVY)


def test_the_core_s_ports_load_no_screen_and_no_client() -> None:
    """Ports know Params, so pydantic comes along, and nothing else of weight may."""
    assert not _loaded_by("k8sops.core.ports") & (set(HEAVY) - {"pydantic"})


def test_who_asks_what_a_secret_is_does_not_load_the_patterns_for_text() -> None:
    """They take a tenth of a second, which a backup and a restore waited before their first word."""
    assert "k8sops.redact.text" not in _modules_loaded_by("k8sops.actions.backups.backup")
    assert "k8sops.redact.text" in _modules_loaded_by("k8sops.redact.text")
