"""The policy file as people write it: every key with its meaning, unknown ones refused.

This is where untrusted text enters, hence pydantic; what the keys mean together is checked in `checks`, and what
follows from them is in `policy` and `deciding`. The JSON Schema in docs/ is made from these classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from k8sops.core.params import Seconds
from k8sops.core.risk import Risk
from k8sops.policy.chat_model import ChatRules
from k8sops.policy.parts import (
    ChatUserId,
    Environment,
    Glob,
    GroupName,
    KeyId,
    Name,
    Part,
    PublicKeyText,
    TeamId,
    Uid,
)
from k8sops.policy.rule_model import Effect, Freeze, Outcome, Rule

PRODUCTION = "production"
SHARED_BY_DEFAULT = ("kubernetes-admin", "system:*")


class ClusterPin(Part):
    """A cluster, known by the uid of its namespace kube-system and by nothing a kubeconfig says."""

    uid: Uid
    name: Name
    aliases: tuple[Name, ...] = ()
    environment: Environment
    """`production`, or whatever else the team calls its environments."""
    ca_fingerprint: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    """sha256 of the DER form of the certificate authority the API server must show."""
    protected: bool = False
    labels: dict[Name, str] = Field(default_factory=dict)


class ClusterUser(Part):
    """A username on clusters, as their API servers say it."""

    cluster: Name | tuple[Name, ...]
    """Name, alias or uid of a cluster listed under `clusters`, or several of them."""
    username: Name

    @property
    def named(self) -> tuple[str, ...]:
        """The clusters, as written."""
        return (self.cluster,) if isinstance(self.cluster, str) else self.cluster


class ChatUser(Part):
    """A user of the chat: ids, which stay, not names, which anybody can take."""

    team: TeamId
    """The enterprise or team id."""
    user: ChatUserId


class PinnedKey(Part):
    """A public key an administrator vouches for."""

    id: KeyId
    """First 16 hex digits of the sha256 of the raw key; a check on the other field."""
    key: PublicKeyText


class PersonEntry(Part):
    """One human, under all the names they go by."""

    groups: tuple[GroupName, ...] = ()
    cluster: tuple[ClusterUser, ...] = ()
    slack: tuple[ChatUser, ...] = ()
    keys: tuple[PinnedKey, ...] = ()


class Role(Part):
    """A named set of persons; usable wherever a group is."""

    people: tuple[Name, ...] = ()
    groups: tuple[GroupName, ...] = ()


class Administrators(Role):
    """Who changes policy, pins keys and reviews break-glass."""


class KubernetesIdentity(Part):
    """A Kubernetes user to act as. `system:*` is refused: the API server gives those powers of their own."""

    user: Name
    groups: tuple[Name, ...] = ()


class ServiceIdentity(KubernetesIdentity):
    """The identity that runs of certain actions are carried out as, whoever asks for them."""

    name: GroupName
    actions: tuple[Glob, ...]
    """Globs on the action's name or policy key."""
    clusters: tuple[Glob, ...] = ()
    namespaces: tuple[Glob, ...] = ()
    """Globs; every object of the plan must be in one of them. Empty: anywhere."""


class ExecuteAs(Part):
    """As whom a carrier may act; taken from the carrier's own policy file, never from the store."""

    people: dict[Name, KubernetesIdentity] = Field(default_factory=dict)
    """Person → whom a carrier impersonates for them."""
    services: tuple[ServiceIdentity, ...] = ()
    """The first that fits the action, cluster and namespaces."""


class ChatKey(PinnedKey):
    """The key of a chat's bot, and for which team's users it may say what they clicked."""

    team: TeamId


class Attestation(Part):
    """Keys that speak for persons who have not signed themselves."""

    slack: tuple[ChatKey, ...] = ()


class AccessReview(Part):
    """Whom to ask the API server about (SubjectAccessReview) when a plan is made."""

    requester: bool = False
    approvers: bool = False


class Concurrency(Part):
    """How many runs may change one cluster at the same time."""

    per_cluster: int = Field(default=4, ge=1, le=1000)
    clusters: dict[Name, Annotated[int, Field(ge=1, le=1000)]] = Field(default_factory=dict)


class Baseline(Part):
    """What holds for each risk before any rule; rules only add to it."""

    read: Outcome = Outcome()
    low: Outcome = Outcome(effect="confirm")
    disruptive: Outcome = Outcome(effect="confirm")
    destructive: Outcome = Outcome(effect="confirm", typed_name=True)


class Protected(Outcome):
    """What changes to something protected take."""

    effect: Effect = "approve"


class ProtectedNamespaces(Protected):
    """What changes in these namespaces take."""

    namespaces: tuple[Glob, ...] = ("kube-system", "kube-public", "kube-node-lease")
    """Globs."""


class BreakGlass(Part):
    """Who may go on without approvals in an emergency: with a reason, loudly, under a review that stays open."""

    allowed: bool = True
    people: tuple[Name, ...] = ()
    groups: tuple[GroupName, ...] = ()
    """Neither people nor groups: anybody the policy knows."""
    freezes: bool = True
    """Whether it also passes freezes."""


class GrantLimits(Outcome):
    """What a time-boxed grant may cover at most, and what it takes to get one."""

    effect: Effect = "approve"
    risk: Risk = Risk.LOW
    """The greatest risk a grant may cover."""
    longest: Annotated[Seconds, Field(ge=60, le=92 * 86_400)] = 8 * 3600
    """How long a grant may last, as in 8h."""
    most_targets: Annotated[int, Field(ge=1, le=10_000)] = 20


class PolicyFile(Part):
    """The whole file."""

    format: Literal[1]
    trust: Literal["local", "signed"] = "local"
    read_only: bool = False
    clusters: tuple[ClusterPin, ...] = ()
    people: dict[Name, PersonEntry] = Field(default_factory=dict)
    shared: tuple[Glob, ...] = SHARED_BY_DEFAULT
    """Usernames (globs) that several people use: they may propose, not approve. `system:*` always is."""
    roles: dict[GroupName, Role] = Field(default_factory=dict)
    administrators: Administrators = Administrators()
    baseline: Baseline = Baseline()
    rules: tuple[Rule, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    protected_namespaces: ProtectedNamespaces | None = None
    protected_clusters: Protected | None = None
    """What changes on clusters marked `protected` take."""
    execute_as: ExecuteAs = ExecuteAs()
    attestation: Attestation = Attestation()
    slack: ChatRules = ChatRules()
    access_review: AccessReview = AccessReview()
    checkpoint_keys: tuple[PinnedKey, ...] = ()
    """Keys whose signatures under the audit's checkpoints are trusted."""
    concurrency: Concurrency = Concurrency()
    break_glass: BreakGlass = BreakGlass()
    grants: GrantLimits = GrantLimits()

    def each_rule(self) -> Iterator[tuple[str, Rule | Freeze]]:
        """Freezes and rules, each with the key it stands under."""
        yield from (("freezes", freeze) for freeze in self.freezes)
        yield from (("rules", rule) for rule in self.rules)

    def canonical(self) -> dict[str, Any]:
        """The whole meaning as JSON values, defaults written out."""
        return self.model_dump(mode="json", by_alias=True)
