"""`k8sops policy`: rehearsals say what the real thing will, with its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from k8sops.core.documents import plan_document
from k8sops.core.plan import Finding
from k8sops.core.risk import Risk
from k8sops.sandbox.manager import SandboxHandle
from tests.support.command import Command
from tests.support.persons_at_door import cluster_uid, on_cluster, team_policy
from tests.support.plans import CLUSTER, a_plan, scale_step
from tests.support.workloads import create, deployment, replicas_of

RULES = [
    {
        "name": "disruptive-takes-one",
        "match": {"risk": "disruptive"},
        "effect": "approve",
        "from": ["sre"],
        "unless": [{"people": ["bob"]}],
    },
    {"name": "strangers-only-look", "match": {"mapped": False}, "effect": "deny", "why": "ask to be mapped"},
]
FREEZE = {"name": "year-end", "windows": [{"from": "2026-12-20", "to": "2027-01-02"}]}


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A team's policy about the cluster of recorded plans."""
    users = {"alice": "alice@example.org", "bob": "bob@example.org"}
    return team_policy(tmp_path / "policy.yaml", CLUSTER.uid, users, rules=RULES, freezes=[FREEZE])


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A plan that scales down, as `--plan -o json` prints it."""
    path = tmp_path / "plan.json"
    path.write_text(
        json.dumps(plan_document(a_plan(steps=(scale_step(before=5, after=2, risk=Risk.DISRUPTIVE),))))
    )
    return path


@pytest.mark.parametrize(
    ("more", "code", "sentence"),
    [
        (("--actor", "alice"), 4, "Needs approval"),
        (("--actor", "alice@example.org"), 4, "Needs approval"),
        (("--actor", "bob"), 0, "Allowed once confirmed"),
        (("--actor", "stranger@example.org"), 3, "ask to be mapped"),
        (("--actor", "bob", "--at", "2026-12-24T20:00:00Z"), 3, "year-end"),
        (("--actor", "alice", "--emergency"), 0, "an emergency"),
    ],
)
def test_a_recorded_plan_is_judged_rule_by_rule_with_the_exit_code_of_a_run(
    command: Command, policy: Path, recorded: Path, more: tuple[str, ...], code: int, sentence: str
) -> None:
    """A change of the policy is reviewed against last week's plans, in a pipeline that branches on the code."""
    at = () if "--at" in more else ("--at", "2026-11-21T03:00:00Z")
    told = command("policy", "test", str(recorded), "--policy", str(policy), *more, *at)
    assert told.code == code, told
    assert sentence in told.out
    for rule in ("disruptive-takes-one", "strangers-only-look", "year-end"):
        assert rule in told.out


def test_as_json_the_verdict_has_each_rule_with_its_reason(
    command: Command, policy: Path, recorded: Path
) -> None:
    """For tools that show a policy's diff in effect."""
    arguments = ("policy", "test", str(recorded), "--policy", str(policy), "--actor", "alice", "-o", "json")
    document = command(*arguments, "--at", "2026-11-21").document
    assert document["decision"]["effect"] == "approve"
    assert document["person"]["name"] == "alice"
    assert {trace["rule"]: trace["matched"] for trace in document["trace"]}["strangers-only-look"] is False


def test_a_blocked_plan_exits_5_as_its_run_would(command: Command, policy: Path, tmp_path: Path) -> None:
    """What is blocked is not what policy denies; a script handles the two differently."""
    path = tmp_path / "plan.json"
    blocked = a_plan(findings=(Finding(level="blocker", code="pdb", text="a budget forbids it"),))
    path.write_text(json.dumps(plan_document(blocked)))
    assert command("policy", "test", str(path), "--policy", str(policy), "--actor", "alice").code == 5


def test_a_plan_that_was_edited_is_refused(command: Command, policy: Path, recorded: Path) -> None:
    """Its digest is what people approved; a verdict on another plan would mislead."""
    document = json.loads(recorded.read_text())
    document["steps"][0]["after"]["spec.replicas"] = 0
    recorded.write_text(json.dumps(document))
    told = command("policy", "test", str(recorded), "--policy", str(policy), "--actor", "alice")
    assert told.code == 2
    assert "was changed" in told.err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("format: 1\nrulez: []\n", "rulez: there is no such key"),
        ("format: 1\nrules: [{name: x, effect: maybe}]\n", "rules[0] (x).effect"),
        ("- a\n", "must hold a mapping"),
        ("format: 1\nbreak_glass: {groups: [nobody]}\n", "there is no group or role 'nobody'"),
    ],
)
def test_check_says_where_a_policy_is_wrong_in_one_sentence(
    command: Command, tmp_path: Path, text: str, sentence: str
) -> None:
    """Run before a merge; exit 2 holds it up."""
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    told = command("policy", "check", str(path))
    assert told.code == 2
    assert sentence in told.err
    assert told.out == ""


def test_check_accepts_a_policy_and_warns_of_what_will_not_work(command: Command, policy: Path) -> None:
    """One approver can never approve their own; better told now than at the first stuck run."""
    told = command.done("policy", "check", str(policy))
    assert "is valid" in told.out
    assert "2 rules, 1 freeze, 2 people" in told.out
    assert "warning: rules.disruptive-takes-one" in told.err


def test_without_a_file_the_policy_in_force_is_checked(
    command: Command, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K8SOPS_POLICY names it; none means the shipped one."""
    monkeypatch.delenv("K8SOPS_POLICY", raising=False)
    assert "the shipped policy is valid" in command.done("policy", "check").out
    monkeypatch.setenv("K8SOPS_POLICY", str(policy))
    assert str(policy) in command.done("policy", "check").out


def test_schema_is_the_one_in_docs(command: Command) -> None:
    """Editors fetch either."""
    shipped = Path(__file__).parents[2] / "docs" / "policy.schema.json"
    assert json.loads(command.done("policy", "schema").out) == json.loads(shipped.read_text())


def test_explain_plans_on_the_cluster_and_neither_proposes_nor_changes(
    command: Command,
    sandbox: SandboxHandle,
    cluster_namespace: str,
    tmp_path: Path,
    own_store: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What am I about to be asked for? The answer must cost nothing."""
    on_cluster(sandbox, lambda cluster: create(cluster, deployment("web", cluster_namespace, replicas=2)))
    monkeypatch.setenv("KUBECONFIG", str(sandbox.kubeconfig))
    users = {"alice": "alice@example.org", "bob": "bob@example.org"}
    policy = team_policy(tmp_path / "team.yaml", cluster_uid(sandbox), users, rules=RULES[:1])
    monkeypatch.setenv("K8SOPS_POLICY", str(policy))
    down = ("scale", "deployment/web", "--replicas", "1", "-n", cluster_namespace)
    told = command("policy", "explain", *down)
    assert told.code == 4, told
    assert "kubernetes-admin (whom the policy does not map to a person) asks for scale" in told.out
    assert "environment production" in told.out
    arguments = ("scale", "deployment/web", "--replicas", "3", "-n", cluster_namespace)
    up = command("policy", "explain", "-o", "json", "--", *arguments)
    assert up.code == 0
    assert up.document["decision"]["effect"] == "confirm"
    spec, _ = on_cluster(
        sandbox, lambda cluster: replicas_of(cluster, "deployments", "web", cluster_namespace)
    )
    assert spec == 2
    assert command.done("runs", "list", "-o", "json").document == []
    missing = command("policy", "explain", "scale", "deployment/web")
    assert missing.code == 2
    assert "--replicas" in missing.err


def test_a_changed_policy_is_on_record_once_from_its_first_use_on(
    command: Command,
    sandbox: SandboxHandle,
    cluster_namespace: str,
    tmp_path: Path,
    own_store: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who asks later why something was allowed finds which rules held when."""
    on_cluster(sandbox, lambda cluster: create(cluster, deployment("web", cluster_namespace, replicas=1)))
    monkeypatch.setenv("KUBECONFIG", str(sandbox.kubeconfig))
    monkeypatch.delenv("K8SOPS_POLICY", raising=False)
    scale = ("scale", "deployment/web", "-n", cluster_namespace, "--yes", "--replicas")
    command.done(*scale, "2")
    command.done(*scale, "1")
    policy = team_policy(tmp_path / "team.yaml", cluster_uid(sandbox), {})
    monkeypatch.setenv("K8SOPS_POLICY", str(policy))
    command.done(*scale, "2")
    found = command.done("audit", "list", "--code", "policy.changed", "-o", "json").document
    assert [one["data"].get("source") for one in found] == ["shipped with k8sops", "team.yaml"]
    assert found[0]["data"]["from"] == ""
    assert found[1]["data"]["from"] == found[0]["data"]["to"] == found[0]["policy_version"]
    proposed = command.done("audit", "list", "--code", "run.proposed", "-o", "json").document
    assert proposed[-1]["policy_version"] == found[1]["data"]["to"]


def test_doctor_explains_the_policy_before_it_looks_at_the_cluster(
    command: Command, policy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first command when something is refused."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("K8SOPS_POLICY", str(policy))
    told = command("doctor", "-o", "json")
    sentences = [check["text"] for check in told.document if check["subject"] == "policy"]
    assert any("is in force: version" in sentence for sentence in sentences)
    assert any("risk low: confirmation" in sentence for sentence in sentences)
    assert any("none of them can be requester" in sentence for sentence in sentences)
