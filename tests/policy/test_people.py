"""Who somebody is: one human under many names, and nobody where policy does not say."""

from __future__ import annotations

import pytest

from k8sops.core.actor import Actor, Identity
from k8sops.core.persons import Person
from k8sops.core.plan import Plan
from k8sops.policy.execute_as import carried_as, execute_as_of
from k8sops.policy.load import load_policy, parse_policy
from k8sops.policy.policy import Policy
from tests.policy.cases import PROD, STAGING, example_text, plan, policy, request, step

TEAM = "T0123ABCD"


@pytest.fixture(scope="module")
def team() -> Policy:
    """The example of docs/policy.md."""
    return parse_policy(example_text(), where="docs/policy.md")


@pytest.mark.parametrize(
    ("actor", "cluster", "person"),
    [
        (Actor(name="alice@example.org"), PROD, "alice"),
        (Actor(name="alice@example.org", surface="tui"), STAGING, "alice"),
        (Actor(name="alice@example.org", surface="worker"), PROD, "alice"),
        (Actor(name="U0456EFGH", surface="slack", team=TEAM), PROD, "alice"),
        (Actor(name="U0456EFGH", surface="slack", team=TEAM), "any-cluster", "alice"),
        (Actor(name="alice@example.org"), "any-cluster", ""),
        (Actor(name="carol@example.org"), STAGING, ""),
        (Actor(name="ALICE@example.org"), PROD, ""),
        (Actor(name="U0456EFGH", surface="slack", team="T9"), PROD, ""),
        (Actor(name="U0456EFGH", surface="slack"), PROD, ""),
        (Actor(name="U0456EFGH"), PROD, ""),
        (Actor(name="alice@example.org", surface="slack", team=TEAM), PROD, ""),
        (Actor(name="alice@example.org", surface="slack"), PROD, ""),
        (Actor(name="alice@example.org", surface="schedule"), PROD, ""),
        (Actor(name="alice"), PROD, ""),
        (Actor(name=""), PROD, ""),
    ],
)
def test_a_name_belongs_to_whom_the_policy_says(
    team: Policy, actor: Actor, cluster: str, person: str
) -> None:
    """The same username on somebody's own cluster, or typed into the chat, is nobody's."""
    assert team.person_of(actor, cluster).name == person


@pytest.mark.parametrize("name", ["kubernetes-admin", "system:admin", "system:serviceaccount:ci:deployer"])
def test_what_several_people_use_is_nobody_in_particular(team: Policy, name: str) -> None:
    """A quorum of whoever holds the admin kubeconfig is a quorum of one."""
    assert team.person_of(Actor(name=name), PROD) == Person(shared=True)


def test_system_names_stay_shared_whatever_a_team_writes() -> None:
    """`shared: []` is an easy way to say "we share nothing"; service accounts are still no persons."""
    rules = policy("shared: [jenkins]")
    found = [
        rules.person_of(Actor(name=name), PROD).shared for name in ("jenkins", "system:x", "kubernetes-admin")
    ]
    assert found == [True, True, False]


def test_roles_count_as_groups_of_their_members(team: Policy) -> None:
    """Approvers are named by group or role, so a person carries both."""
    people = {name: team.directory.person(name) for name in ("bob", "erin", "alice")}
    found = {name: "database-approver" in person.groups for name, person in people.items() if person}
    assert found == {"bob": True, "erin": True, "alice": False}


def test_what_credentials_claim_makes_nobody_a_member(team: Policy) -> None:
    """Groups in a certificate are the cluster's business; approvals go by the policy's own."""
    claimed = Actor(name="dave@example.org", groups=("sre", "system:masters"))
    assert team.person_of(claimed, PROD).groups == ("shop-team",)


def test_administrators_are_persons_by_name_or_group(team: Policy) -> None:
    """They pin keys and close reviews."""
    people = (team.directory.person(name) or Person() for name in ("erin", "alice", "dave"))
    assert [team.is_administrator(person) for person in people] == [True, True, False]
    assert not team.is_administrator(Person(name="erin", shared=True))


def test_a_cluster_that_shows_another_authority_is_refused() -> None:
    """A uid can be copied with the rest of etcd; the authority's key cannot."""
    right, wrong = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
    pin = f"{{uid: {PROD}, name: prod, environment: production, ca_fingerprint: '{right}'}}"
    rules = policy(f"clusters: [{pin}]")
    assert rules.cluster_refused(PROD, right) == ""
    assert "another certificate authority" in rules.cluster_refused(PROD, wrong)
    assert "another certificate authority" in rules.cluster_refused(PROD, "")
    assert rules.cluster_refused(STAGING, wrong) == ""


def test_limits_go_by_any_name_of_a_cluster(team: Policy) -> None:
    """People write names, runs have uids."""
    assert [team.most_at_once(uid) for uid in (PROD, STAGING, "another")] == [2, 4, 4]


SERVICES = f"""
clusters: [{{uid: {PROD}, name: prod, environment: production}}]
people:
  alice: {{cluster: [{{cluster: prod, username: alice}}]}}
  bob: {{cluster: [{{cluster: prod, username: bob}}]}}
execute_as:
  people: {{alice: {{user: alice, groups: [ops]}}}}
  services:
    - {{name: shop-scaler, actions: ['workload.*'], clusters: [prod], namespaces: [shop], user: scaler, groups: [bots]}}
"""


@pytest.mark.parametrize(
    ("asked", "who", "execute_as"),
    [
        (plan(step()), "alice", "service:shop-scaler"),
        (plan(step()), "nobody", "service:shop-scaler"),
        (plan(step(), step(namespace="payments")), "alice", "person:alice"),
        (plan(step(namespace="", name="n1", kind="nodes")), "alice", "person:alice"),
        (plan(step(), attachments=("0" * 64,)), "alice", "person:alice"),
        (plan(step(), cluster=STAGING), "alice", ""),
        (plan(step(namespace="payments")), "nobody", ""),
    ],
)
def test_a_run_records_as_whom_it_is_done(asked: Plan, who: str, execute_as: str) -> None:
    """A service's rights are for what policy names it for, and for nothing that only contains it."""
    rules = policy(SERVICES)
    facts = rules.facts(request(rules, asked, who))
    assert execute_as_of(rules, facts) == execute_as


@pytest.mark.parametrize(
    ("execute_as", "asked", "answer"),
    [
        ("person:alice", plan(step()), Identity(username="alice", groups=("ops",))),
        ("service:shop-scaler", plan(step()), Identity(username="scaler", groups=("bots",))),
        ("service:shop-scaler", plan(step(namespace="payments")), "is not for namespace payments"),
        ("service:shop-scaler", plan(step(), cluster=STAGING), "is not for cluster"),
        ("service:other", plan(step()), "no service identity 'other'"),
        ("person:bob", plan(step()), "names nobody to impersonate for bob"),
        ("shop-scaler", plan(step()), "no service identity"),
        ("", plan(step()), "does not say"),
    ],
)
def test_a_carrier_acts_only_as_its_own_policy_says(
    execute_as: str, asked: Plan, answer: Identity | str
) -> None:
    """`execute_as` comes from the store, where a hostile laptop can write; whom it means does not."""
    rules = policy(SERVICES)
    found = carried_as(rules, execute_as, rules.facts(request(rules, asked, "alice")))
    if isinstance(answer, Identity):
        assert found == answer
    else:
        assert isinstance(found, str)
        assert answer in found


def test_the_shipped_policy_knows_nobody() -> None:
    """It asks for no approvals, so it needs no persons; and nothing it says depends on who claims to be whom."""
    assert load_policy(None).person_of(Actor(name="alice@example.org"), PROD) == Person()


def test_a_channel_means_the_cluster_the_policy_says_and_no_other() -> None:
    """Whoever makes a channel of the same name elsewhere must not be able to send commands to production."""
    text = f"""
clusters: [{{uid: {PROD}, name: prod-eu, aliases: [eu], environment: production}}]
slack: {{channels: [{{team: {TEAM}, channel: C0OPS, cluster: eu}}]}}
"""
    directory = policy(text).directory
    found = directory.pin_of_channel(TEAM, "C0OPS")
    assert found is not None
    assert found.name == "prod-eu"
    assert directory.pin_of_channel("T9", "C0OPS") is None
    assert directory.pin_of_channel(TEAM, "C0DEV") is None
