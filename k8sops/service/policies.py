"""The policy file of this process, loaded once where the configuration says, else the shipped default."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from k8sops.core.clock import Clock
    from k8sops.policy.policy import Policy
    from k8sops.service.config import Config
    from k8sops.service.rules import PolicyRules


def load_rules(config: Config, clock: Clock) -> PolicyRules:
    """Policy as the engine asks it. Raises PolicyError naming file and key."""
    from k8sops.policy.load import load_policy
    from k8sops.service.rules import PolicyRules

    return PolicyRules(load_policy(config.policy), clock)


def policy_of(config: Config) -> Policy:
    """The policy itself. Raises PolicyError naming file and key."""
    from k8sops.policy.load import load_policy

    return load_policy(config.policy)


def names_of_clusters(config: Config) -> dict[str, tuple[str, str]]:
    """Cluster uid to name and environment: what a team's policy says comes before what a user configured."""
    if config.policy is None:
        return config.cluster_names()
    from k8sops.policy.load import load_policy

    pins = load_policy(config.policy).file.clusters
    return {**config.cluster_names(), **{pin.uid: (pin.name, pin.environment) for pin in pins}}
