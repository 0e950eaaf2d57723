"""`k8sops logs collect` as it is typed."""

from __future__ import annotations

import pytest

from k8sops.cli.action_command import given_at


@pytest.mark.parametrize("typed", [["-n", "shop", "-n", "legacy"], ["-n", "shop,legacy"]])
def test_several_namespaces_are_all_meant(typed: list[str]) -> None:
    """One that was silently left out would be missed when it is too late to collect it."""
    config, _ = given_at("logs", typed)
    assert config.namespace == "shop,legacy"
