"""Policy and settings as the desk shows them: nobody's password, the right source, and the rule that decides."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from k8sops.audit.record import Record
from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock
from k8sops.core.desk import ActionVerdict, PolicyView
from k8sops.core.errors import UsageError
from k8sops.core.plan import ClusterInfo
from k8sops.core.risk import Risk
from k8sops.service.audit_words import what_of
from k8sops.service.config import Config, load_config
from k8sops.service.policy_view import policy_view
from k8sops.service.settings_view import settings_in_force

UID = "0b1c2d3e-4f50-4162-8374-95a6b7c8d9e0"
CLUSTER = ClusterInfo(context="acme", server="https://x", uid=UID, name="acme", environment="staging")
ALICE = Actor(name="alice", surface="tui")
POLICY = f"""
format: 1
clusters:
  - {{uid: {UID}, name: acme, environment: staging}}
people:
  alice: {{groups: [ops], cluster: [{{cluster: acme, username: alice}}]}}
  bob: {{groups: [developers], cluster: [{{cluster: acme, username: bob}}]}}
  erin: {{groups: [developers]}}
rules:
  - name: developers-ask-ops
    match: {{groups: [developers], risk: disruptive}}
    effect: approve
    from: [ops]
  - name: payments-is-for-ops
    match: {{groups: [developers], namespaces: [payments]}}
    effect: deny
    why: payments is changed by ops alone
"""


def _of(view: PolicyView, action: str, risk: Risk) -> ActionVerdict:
    return next(one for one in view.verdicts if (one.action, one.risk) == (action, risk))


def test_policy_is_asked_for_anybody_it_knows_and_anywhere(tmp_path: Path) -> None:
    """Before bob tries: what he may do, whom he has to ask, and by which rule."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    config = Config(policy=tmp_path / "policy.yaml")
    mine = policy_view(config, CLUSTER, ALICE, "", "shop", SystemClock())
    assert mine.people == ("alice", "bob"), (
        "whom the policy gives no name on this cluster cannot be asked about"
    )
    assert _of(mine, "restart", Risk.DISRUPTIVE).effect == "confirm"
    his = policy_view(config, CLUSTER, ALICE, "bob", "shop", SystemClock())
    asked = _of(his, "restart", Risk.DISRUPTIVE)
    assert (asked.effect, asked.asks) == ("approve", ("needs 1 approval from ops (developers-ask-ops)",))
    assert [rule.name for rule in asked.rules if rule.applies] == [
        "baseline.disruptive",
        "developers-ask-ops",
    ]
    elsewhere = policy_view(config, CLUSTER, ALICE, "bob", "payments", SystemClock())
    assert _of(elsewhere, "scale", Risk.LOW).effect == "deny"
    assert _of(elsewhere, "cordon", Risk.LOW).effect != "deny", "a node lies in no namespace"
    with pytest.raises(UsageError):
        policy_view(config, CLUSTER, ALICE, "erin", "shop", SystemClock())


def test_the_shipped_policy_says_that_it_knows_nobody() -> None:
    """Without a team's policy nobody is refused; that must not look like four eyes."""
    view = policy_view(Config(), CLUSTER, ALICE, "", "shop", SystemClock())
    assert "knows no persons" in view.who
    assert view.people == ()
    assert view.source == "shipped with k8sops"


def test_each_setting_says_where_it_is_from_and_no_password_is_shown(tmp_path: Path) -> None:
    """Screens are shared and photographed."""
    path = tmp_path / "config.yaml"
    path.write_text(
        "pool_labels: [pool]\nrepositories:\n  - {name: here, url: 'file:///srv/backups'}\n"
        "redaction: {rules: [{name: order, pattern: 'ord_[0-9]+'}], allow: [hunter2], emails: true}\n"
    )
    environ = {
        "K8SOPS_CONFIG": str(path),
        "K8SOPS_DATABASE_URL": "postgresql://k8sops:hunter2@db.acme.example/k8sops?sslpassword=hunter2",
        "KUBECONFIG": "/home/alice/.kube/config",
    }
    config = load_config({"context": "acme"}, environ)
    shown = {one.key: one for one in settings_in_force(config, environ)}
    assert "hunter2" not in str(shown)
    assert shown["database_url"].value == "postgresql://k8sops@db.acme.example/k8sops"
    assert shown["database_url"].source == "K8SOPS_DATABASE_URL"
    assert shown["context"].source == "the command line"
    assert shown["kubeconfig"].source == "KUBECONFIG"
    assert (shown["pool_labels"].value, shown["pool_labels"].source) == ("pool", str(path))
    assert shown["repositories"].value == "here (file:///srv/backups)"
    assert shown["redaction"].value == "order, emails, 1 allowed"
    assert shown["emergency"].source == "as shipped"
    assert (shown["read_only"].value, shown["keys"].value) == ("no", ""), "in words, not as Python writes it"


def test_a_record_tells_its_outcome_once() -> None:
    """A page of records is read at a glance: `running (running)` says nothing twice."""
    record = Record(
        at="2026-11-22T04:15:00.000Z",
        code="run.running",
        format=1,
        previous="",
        seq=1,
        action="backup",
        outcome="running",
    )
    assert what_of(msgspec.structs.replace(record, data={"text": "running"})) == "backup → running"
    assert what_of(msgspec.structs.replace(record, reason="as asked")) == "backup → running (as asked)"
