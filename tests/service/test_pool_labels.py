"""Labels of node pools from the configuration become part of what is asked for, where a pool is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from k8sops.core.clock import SystemClock
from k8sops.core.ports import ClusterReader
from k8sops.service.action_book import RegistryBook
from k8sops.service.config import load_config
from k8sops.service.planning import Planner
from k8sops.service.rules import PolicyRules


def planner(*labels: str) -> Planner:
    """One that only validates: it is given neither cluster nor policy."""
    return Planner(
        cast("ClusterReader", None),
        cast("PolicyRules", None),
        RegistryBook(),
        clock=SystemClock(),
        default_namespace="default",
        pool_labels=labels,
    )


def test_configured_labels_are_part_of_the_params_of_a_pools_drain() -> None:
    """Approvers see them, and whoever carries the run plans by them, whatever its own configuration says."""
    params = planner("acme.example/pool").validated("drain", {"pool": "web"})
    assert params.model_dump()["pool_label"] == ("acme.example/pool",)


def test_a_flag_stands_over_the_configuration_and_other_selections_need_none() -> None:
    """As everywhere: flags over environment over file."""
    told = planner("acme.example/pool").validated("drain", {"pool": "web", "pool_label": ("other",)})
    assert told.model_dump()["pool_label"] == ("other",)
    assert (
        planner("acme.example/pool").validated("drain", {"nodes": ("n1",)}).model_dump()["pool_label"] == ()
    )


def test_the_configuration_takes_a_list_of_labels(tmp_path: Path) -> None:
    """`pool_labels` in config.yaml."""
    file = tmp_path / "config.yaml"
    file.write_text("pool_labels: [acme.example/pool, acme.example/group]\n")
    found = load_config({}, {"K8SOPS_CONFIG": str(file)})
    assert found.pool_labels == ("acme.example/pool", "acme.example/group")
