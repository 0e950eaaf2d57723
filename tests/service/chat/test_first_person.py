"""The first person in a policy: added where it says nothing, refused where it says something else, valid at the end."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from k8sops.core.errors import PolicyError, UsageError
from k8sops.core.plan import ClusterInfo
from k8sops.policy.load import parse_policy
from k8sops.service.chat.acting import ChatUser
from k8sops.service.chat.first_person import Newcomer, known_as, new_policy_text, to_paste, with_newcomer

ALICE = ChatUser(team="T1", user="U1")
WHO = Newcomer(
    user=ALICE, person="alice", groups=("sre",), cluster_user="alice@example.org", cluster_groups=("ops",)
)
PROD = ClusterInfo(context="p", server="https://x", uid="c0ffee", name="prod: eu", environment="production")


def added(text: str, who: Newcomer = WHO) -> str:
    """The policy with them in it."""
    after = with_newcomer(text, who, where="policy.yaml")
    assert after is not None
    return after


def known(text: str) -> tuple[str, tuple[str, ...], str, tuple[str, ...]]:
    """What a policy says of the user."""
    found = known_as(parse_policy(text.encode(), where="policy.yaml"), ALICE)
    return found.person, found.groups, found.cluster_user, found.cluster_groups


def test_a_policy_that_is_begun_says_what_held_before_and_knows_the_clusters() -> None:
    """A team's policy that lists no cluster takes each for production: that must not come by the way."""
    text = new_policy_text([PROD])
    policy = parse_policy(text.encode(), where="policy.yaml")
    shipped = parse_policy(new_policy_text([]).encode(), where="policy.yaml")
    assert policy.file.baseline == shipped.file.baseline
    assert policy.environment_of(PROD) == "production"
    assert policy.names_of("c0ffee") == ("c0ffee", "prod: eu")
    assert known(added(text)) == ("alice", ("sre",), "alice@example.org", ("ops",))


def test_what_is_pasted_by_hand_says_the_same() -> None:
    """It is what somebody adds who may not write the file from here."""
    assert known(f"format: 1\n{to_paste(WHO)}") == ("alice", ("sre",), "alice@example.org", ("ops",))


def test_somebody_whom_the_clusters_know_gets_a_user_of_the_chat() -> None:
    """Groups of a policy decide who approves: they stay what they are."""
    text = (
        "format: 1\npeople: {alice: {groups: [dba], slack: [{team: T9, user: U9}]}}\n"
        "execute_as: {people: {alice: {user: alice@example.org}}}\n"
    )
    assert known(added(text)) == ("alice", ("dba",), "alice@example.org", ())


def test_what_is_complete_stays_as_it_is() -> None:
    """Byte for byte."""
    text = added("format: 1\n")
    assert added(text) == text


@pytest.mark.parametrize(
    ("who", "told"),
    [
        (msgspec.structs.replace(WHO, person="bob"), "knows U1 as alice, not as bob"),
        (msgspec.structs.replace(WHO, cluster_user="eve"), "see alice as alice@example.org, not as eve"),
    ],
)
def test_what_a_policy_says_is_not_overwritten(who: Newcomer, told: str) -> None:
    """One of the two is wrong, and no program knows which."""
    with pytest.raises(UsageError, match=told):
        with_newcomer(added("format: 1\n"), who, where="policy.yaml")


def test_an_answer_that_no_policy_takes_is_refused_before_anything_is_written() -> None:
    """`system:masters` would make the bot everybody's administrator."""
    with pytest.raises(PolicyError, match="execute_as"):
        with_newcomer(
            "format: 1\n", msgspec.structs.replace(WHO, cluster_user="system:admin"), where="policy.yaml"
        )


def test_the_documents_example_takes_one_more(tmp_path: Path) -> None:
    """The longest policy that people are shown has comments on half of its lines."""
    page = Path(__file__).parents[3] / "docs" / "policy.md"
    text = next(part for part in page.read_text().split("```yaml\n") if part.startswith("format: 1")).split(
        "```"
    )[0]
    after = added(text, msgspec.structs.replace(WHO, person="erin"))
    assert known(after)[0] == "erin"
    assert len(after.splitlines()) == len(text.splitlines()) + 2
