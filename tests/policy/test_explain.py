"""The explanation of a verdict, and reading back recorded plans."""

from __future__ import annotations

import json

import msgspec
import pytest

from k8sops.core.documents import plan_document, run_document
from k8sops.core.errors import UsageError
from k8sops.core.plan import Finding, Requirement
from k8sops.core.risk import Risk
from k8sops.core.run import Run, RunState
from k8sops.policy.explain import explained, recorded_plan, verdict_document
from k8sops.policy.load import load_policy, parse_policy
from k8sops.policy.schema import policy_schema
from tests.policy.cases import example_text, plan, request, step


def test_the_explanation_names_every_rule_and_why() -> None:
    """Who is held up, and who wrote the rules, read the same lines."""
    team = parse_policy(example_text(), where="docs/policy.md")
    asked = request(team, plan(step(risk=Risk.DESTRUCTIVE)), "mallory")
    lines = explained(team, asked, team.decide(asked))
    text = "\n".join(lines)
    assert lines[0].startswith("Denied: strangers-only-look: denied: ask an administrator")
    assert (
        "mallory (whom the policy does not map to a person) asks for scale (risk destructive) on prod-eu"
        in text
    )
    for _, rule in team.file.each_rule():
        assert sum(f" {rule.name}:" in line for line in lines[1:]) == 1, rule.name
    assert "  does not apply  weekend: it is outside the freeze" in lines


def test_what_is_asked_for_stands_line_by_line() -> None:
    """These are the things a person has to do next."""
    team = parse_policy(example_text(), where="docs/policy.md")
    asked = request(team, plan(step(risk=Risk.DESTRUCTIVE)), "dave@example.org")
    lines = explained(team, asked, team.decide(asked))
    wanted = "2 approvals from sre or dba or security, each from another group, 1 of them at a terminal"
    assert f"  needs {wanted} (production-destroys)" in lines
    assert "  needs the cluster's name typed" in lines
    assert "  needs a ticket in the reason that matches OPS-[0-9]+" in lines
    assert "  approvals have 4 h" in lines


def test_the_shipped_policy_explains_itself() -> None:
    """Most people never write one."""
    shipped = load_policy(None)
    asked = request(shipped, plan(step()))
    text = "\n".join(explained(shipped, asked, shipped.decide(asked)))
    assert "Allowed once confirmed: baseline.disruptive: confirmation." in text
    assert "the shipped policy" in text
    assert json.dumps(verdict_document(shipped.decide(asked)))


def test_a_recorded_plan_is_read_back_as_it_was() -> None:
    """Out of a plan or a run, with its digest proving that it is the same."""
    made = plan(
        step(labels={"a": "b"}),
        findings=(Finding(level="warning", code="to_zero", text="nothing runs"),),
        blast_radius={"pods": 3},
    )
    made = msgspec.structs.replace(
        made, requires=(Requirement(target=made.steps[0].target, fact="spec.replicas", value=3),)
    )
    shipped = load_policy(None)
    asked = request(shipped, made)
    decided = msgspec.structs.replace(made, decision=shipped.decide(asked).decision)
    run = Run(id="01ARZ3NDEKTSV4RRFFQ69G5FAV", plan=decided, state=RunState.PROPOSED, actor=asked.actor)
    for document in (plan_document(decided), run_document(run)):
        assert recorded_plan(json.dumps(document).encode()) == decided


@pytest.mark.parametrize(
    "change",
    [
        {"params": {"replicas": 9}},
        {"digest": "0" * 64},
        {"steps": "none"},
        {"made_at": "yesterday"},
        {"summary": "x" * 500},
    ],
)
def test_a_recorded_plan_that_was_changed_is_refused(change: dict[str, object]) -> None:
    """A test of a policy against something that was never planned proves nothing."""
    document = plan_document(plan(step())) | change
    with pytest.raises(UsageError):
        recorded_plan(json.dumps(document).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b'{"plan": 3}', b"[" * 100_000, b"\xff"])
def test_what_is_no_plan_is_refused_in_one_sentence(data: bytes) -> None:
    """It is a file somebody names."""
    with pytest.raises(UsageError, match="not a recorded plan"):
        recorded_plan(data)


def test_the_schema_knows_what_the_file_knows() -> None:
    """Editors complete from it; a key it lacks looks wrong there and is right here."""
    schema = policy_schema()
    assert schema["additionalProperties"] is False
    assert {"clusters", "people", "rules", "freezes"} <= set(schema["properties"])
    window = schema["$defs"]["WindowText"]["properties"]
    assert set(window) == {"from", "to", "days", "zone"}
    assert "from" in schema["$defs"]["Rule"]["properties"]
    assert all("description" in one for one in schema["$defs"].values())
