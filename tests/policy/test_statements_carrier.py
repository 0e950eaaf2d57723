"""A hostile laptop against a carrier with its own policy file: everything in the store is the laptop's to write."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import msgspec
import pytest
import yaml

from k8sops.core.errors import UsageError
from k8sops.core.plan import Decision, Plan
from k8sops.core.risk import Risk
from k8sops.policy.keys import SigningKey, new_key
from k8sops.policy.load import parse_policy
from k8sops.policy.model import PolicyFile
from k8sops.policy.pins import pinned_keys
from k8sops.policy.policy import Policy
from k8sops.policy.statement_quorum import Allowed, NotAllowed
from k8sops.policy.statement_runs import signed_for
from k8sops.policy.statements import Signed, Statement, sign
from tests.support.plans import NOW, a_plan, scale_step

RUN = "01KAJ0Q2E8Z9W5V4T3S2R1Q0PN"
KEYS = {name: new_key() for name in ("alice", "bob", "mallory", "bot")}
PLAN = a_plan(steps=(scale_step(risk=Risk.DISRUPTIVE),))
NONCES = (f"{number:026d}" for number in count())


def pin(name: str) -> dict[str, str]:
    """A key as the policy's YAML has it."""
    return {"id": KEYS[name].key_id, "key": KEYS[name].public.text}


def the_policy(**changes: Any) -> Policy:
    """The carrier's own file: what disrupts production takes one of ops; mallory is a person like any other."""
    document = {
        "format": 1,
        "trust": "signed",
        "clusters": [{"uid": PLAN.cluster.uid, "name": "shop-eu", "environment": "production"}],
        "people": {
            "alice": {"groups": ["dev"], "keys": [pin("alice")]},
            "bob": {"groups": ["ops"], "keys": [pin("bob")], "slack": [{"team": "T1", "user": "U2"}]},
            "mallory": {"groups": ["dev"], "keys": [pin("mallory")]},
        },
        "administrators": {"people": ["bob"]},
        "attestation": {"slack": [{**pin("bot"), "team": "T1"}]},
        "protected_namespaces": {"effect": "deny", "namespaces": ["kube-system"]},
        "rules": [
            {
                "name": "production",
                "match": {"environments": ["production"], "risk": "disruptive"},
                "effect": "approve",
                "from": ["ops"],
            }
        ],
        **changes,
    }
    return parse_policy(yaml.safe_dump(document).encode(), where="policy.yaml")


def says(
    person: str, kind: str, plan: Plan = PLAN, *, key: SigningKey | None = None, **changes: Any
) -> Signed:
    """What a person signs about the run of a plan."""
    values = {
        "kind": kind,
        "run": RUN,
        "digest": plan.digest,
        "verdict": "approve" if kind == "vote" else "",
        "person": person,
        "cluster_uid": plan.cluster.uid,
        "execute_as": plan.execute_as,
        "reason": "because",
        "made_at": NOW,
        "expires_at": NOW + timedelta(hours=1),
        "nonce": next(NONCES),
    }
    return sign(Statement(**{**values, **changes}), key or KEYS[person])


def carrier(
    *rows: Signed, plan: Plan = PLAN, policy: Policy | None = None, **changes: Any
) -> Allowed | NotAllowed:
    """The answer of a carrier that made the same plan again."""
    values: dict[str, Any] = {
        "run": RUN,
        "plan": plan,
        "fresh": plan,
        "cluster_uid": PLAN.cluster.uid,
        "rows": rows,
        "now": NOW,
        "policy_key": plan.action,
    }
    return signed_for(policy or the_policy(), **{**values, **changes})


def test_what_alice_asked_and_bob_approved_is_carried() -> None:
    """By the carrier's own policy, which names the rule."""
    answer = carrier(says("alice", "propose"), says("bob", "vote"))
    assert isinstance(answer, Allowed), answer
    assert (answer.requester, [vote.person for vote in answer.approvals]) == ("alice", ["bob"])
    assert answer.decision.rule == "production"


def test_a_pinned_person_with_the_whole_store_gets_no_further_than_their_own_signature() -> None:
    """Mallory signs whatever she likes in her own name, and writes every column."""
    hers = [says("mallory", "propose"), says("mallory", "vote"), says("mallory", "break_glass")]
    forged = [says(name, "vote", key=KEYS["mallory"]) for name in ("alice", "bob")]
    answer = carrier(*hers[:2], *forged)
    assert isinstance(answer, NotAllowed)
    assert "needs 1 approval from ops" in answer.why


def test_a_decision_written_into_the_plan_is_not_read() -> None:
    """It is not in the digest, so anybody who can write the store can change it."""
    forged = msgspec.structs.replace(PLAN, decision=Decision(effect="allow", why="trust me"))
    assert forged.digest == PLAN.digest
    assert isinstance(carrier(says("mallory", "propose"), plan=forged, fresh=PLAN), NotAllowed)


def test_another_plan_under_a_signed_run_is_not_carried() -> None:
    """Alice and bob signed for five replicas; the store now says none."""
    other = msgspec.structs.replace(PLAN, steps=(scale_step(after=0, risk=Risk.DISRUPTIVE),))
    assert isinstance(carrier(says("alice", "propose"), says("bob", "vote"), plan=other), NotAllowed)


@pytest.mark.parametrize(
    "changes",
    [
        {"execute_as": "admin"},
        {"action": "drain"},
        {"params": {"target": "deployment/api"}},
        {"requires": ()},
        {"attachments": ("00" * 32,)},
    ],
    ids=str,
)
def test_no_part_of_what_a_plan_does_can_be_changed_after_signing(changes: dict[str, Any]) -> None:
    """Whom it runs as most of all."""
    other = msgspec.structs.replace(PLAN, **changes)
    assert isinstance(carrier(says("alice", "propose"), says("bob", "vote"), plan=other), NotAllowed)


def test_a_plan_made_on_ones_own_cluster_is_not_carried_on_this_one() -> None:
    """Its own API server says whatever the laptop wants, its uid among it."""
    own = msgspec.structs.replace(PLAN, cluster=msgspec.structs.replace(PLAN.cluster, uid="c-own"))
    rows = [says("alice", "propose", own), says("bob", "vote", own)]
    assert "another cluster" in getattr(carrier(*rows, plan=own), "why", "")
    assert isinstance(carrier(*rows), NotAllowed)


def test_risk_lowered_in_the_store_is_another_plan() -> None:
    """A plan of low risk would need nobody; so its requester alone signs, and the steps are the lie."""
    low = msgspec.structs.replace(PLAN, steps=(scale_step(risk=Risk.LOW),))
    assert isinstance(carrier(says("alice", "propose"), plan=low), NotAllowed)


def test_a_blast_radius_written_into_the_store_does_not_hide_what_is_touched() -> None:
    """Which namespaces a bulk plan touches is outside the digest: only what the carrier found itself counts."""
    bulk = msgspec.structs.replace(PLAN, attachments=("aa" * 32,), blast_radius={"namespaces": ["shop"]})
    true = msgspec.structs.replace(bulk, blast_radius={"namespaces": ["shop", "kube-system"]})
    rows = [says("alice", "propose", bulk), says("bob", "vote", bulk)]
    assert isinstance(carrier(*rows, plan=bulk), Allowed)
    answer = carrier(*rows, plan=bulk, fresh=true)
    assert isinstance(answer, NotAllowed)
    assert "kube-system is protected" in answer.why
    untold = carrier(*rows, plan=bulk, fresh=None)
    assert isinstance(untold, NotAllowed)
    assert "may touch protected namespaces" in untold.why


def test_an_environment_written_into_the_plan_is_not_believed() -> None:
    """Policy knows clusters by uid alone."""
    staged = msgspec.structs.replace(
        PLAN, cluster=msgspec.structs.replace(PLAN.cluster, environment="development", name="toy")
    )
    assert staged.digest == PLAN.digest
    for fresh in (staged, None):
        assert isinstance(carrier(says("alice", "propose"), plan=staged, fresh=fresh), NotAllowed)


def test_the_chat_is_believed_for_its_own_persons_only() -> None:
    """Bob has a user of that team; alice has none, whatever the bot signs."""
    bob = says("bob", "vote", attested_by="slack", key=KEYS["bot"])
    assert isinstance(carrier(says("alice", "propose"), bob), Allowed)
    alice = says("alice", "propose", attested_by="slack", key=KEYS["bot"])
    assert isinstance(carrier(alice, says("bob", "vote")), NotAllowed)


def test_the_carriers_own_policy_counts_not_the_one_it_was_proposed_under() -> None:
    """It was frozen, or bob left, since."""
    rows = [says("alice", "propose"), says("bob", "vote")]
    assert isinstance(carrier(*rows, policy=the_policy(read_only=True)), NotAllowed)
    without = {"alice": {"groups": ["dev"], "keys": [pin("alice")]}, "carol": {"groups": ["ops"]}}
    left = the_policy(people=without, administrators={"people": ["carol"]}, attestation={})
    assert isinstance(carrier(*rows, policy=left), NotAllowed)


def test_break_glass_is_the_policys_to_allow() -> None:
    """Where it is, the requester's own signature and reason carry the run, and the decision says so."""
    rows = [says("mallory", "propose"), says("mallory", "break_glass", reason="site down")]
    answer = carrier(*rows)
    assert isinstance(answer, Allowed)
    assert answer.break_glass is not None
    assert answer.decision.break_glass
    strict = the_policy(break_glass={"allowed": False})
    assert isinstance(carrier(*rows, policy=strict), NotAllowed)


def test_pins_that_contradict_each_other_are_no_pins() -> None:
    """A policy that was put together without its checks must not half work."""
    entry = {"keys": [pin("alice")]}
    with pytest.raises(UsageError, match="pinned for alice and again for bob"):
        pinned_keys(PolicyFile.model_validate({"format": 1, "people": {"alice": entry, "bob": entry}}))
    wrong = {"alice": {"keys": [{**pin("alice"), "id": KEYS["bob"].key_id}]}}
    with pytest.raises(UsageError, match="is not that of the key beside it"):
        pinned_keys(PolicyFile.model_validate({"format": 1, "people": wrong}))
