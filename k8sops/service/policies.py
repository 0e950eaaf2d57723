"""The policy file of this process, loaded once where the configuration says, else the shipped default."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from k8sops.core.clock import Clock
    from k8sops.policy.policy import Policy
    from k8sops.service.config import Config
    from k8sops.service.rules import PolicyRules


def load_rules(config: Config, clock: Clock) -> PolicyRules:
    """Policy as the engine asks it. Raises PolicyError naming file and key."""
    from k8sops.service.rules import PolicyRules

    return PolicyRules(policy_of(config), clock)


def policy_of(config: Config) -> Policy:
    """The policy itself. Raises PolicyError naming file and key."""
    from k8sops.policy.load import load_policy

    policy = load_policy(config.policy)
    return policy.made_read_only() if config.read_only and not policy.read_only else policy


def policy_stamp(config: Config) -> tuple[int, int]:
    """Tells one state of the policy file from another; a file that is not there has a state of its own."""
    if config.policy is None:
        return (0, 0)
    try:
        found = config.policy.stat()
    except FileNotFoundError:
        return (-1, -1)
    return (found.st_mtime_ns, found.st_size)


def in_force(config: Config) -> tuple[Config, dict[str, tuple[str, str]]]:
    """The configuration, read-only where the policy is, and the names of clusters. Raises PolicyError."""
    if config.policy is None:
        return config, config.cluster_names()
    from k8sops.policy.load import load_policy

    file = load_policy(config.policy).file
    names = {**config.cluster_names(), **{pin.uid: (pin.name, pin.environment) for pin in file.clusters}}
    return msgspec.structs.replace(config, read_only=config.read_only or file.read_only), names


def names_of_clusters(config: Config) -> dict[str, tuple[str, str]]:
    """Cluster uid to name and environment: what a team's policy says comes before what a user configured."""
    return in_force(config)[1]
