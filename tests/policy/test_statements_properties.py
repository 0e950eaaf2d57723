"""Whatever is done to the rows of a store, a run goes only on what pinned persons said about exactly it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from k8sops.policy.statement_quorum import Allowed, NotAllowed
from k8sops.policy.statements import DOMAIN, Signed
from tests.support.signed import ABOUT, GROUPS, KEYS, RUN, carried, needs, says

SUBJECTS = st.fixed_dictionaries(
    {"run": st.sampled_from([RUN, "01OTHER"]), "digest": st.sampled_from([ABOUT.digest, "cd" * 32])}
)
DEEDS = st.tuples(
    st.sampled_from(sorted(GROUPS)), st.sampled_from(["propose", "approve", "deny", "cancel"]), SUBJECTS
)


def honest(person: str, deed: str, subject: dict[str, Any]) -> Signed:
    """What a person really signed."""
    if deed in {"approve", "deny"}:
        return says(person, verdict=deed, **subject)
    return says(person, deed, **subject)


@given(deeds=st.lists(DEEDS, max_size=12), needed=st.integers(1, 3), data=st.data())
def test_nothing_is_carried_that_pinned_persons_did_not_sign(
    deeds: list[tuple[str, str, dict[str, Any]]], needed: int, data: st.DataObject
) -> None:
    """Rows dropped, doubled, shuffled, recombined and forged: a run goes only on what was truly said about it."""
    rows = [honest(*deed) for deed in deeds]
    stored = data.draw(st.lists(st.sampled_from(rows), max_size=16)) if rows else []
    for _ in range(data.draw(st.integers(0, 4))):
        if not rows:
            break
        body, signature, key = (data.draw(st.sampled_from(rows)) for _ in range(3))
        stored.append(Signed(body=body.body, signature=signature.signature, key_id=key.key_id))
        forged = KEYS["eve"].sign(DOMAIN + body.body)
        stored.append(Signed(body=body.body, signature=forged, key_id=key.key_id))
    answer = carried(*stored, decision=needs(needed))
    if isinstance(answer, NotAllowed):
        return
    true = {(person, deed) for person, deed, at in deeds if at == {"run": RUN, "digest": ABOUT.digest}}
    assert (answer.requester, "propose") in true
    approvers = {vote.person for vote in answer.approvals}
    assert {(person, "approve") for person in approvers} <= true
    assert len(approvers - {answer.requester}) >= needed


@given(deeds=st.lists(DEEDS, max_size=10), needed=st.integers(1, 3))
def test_with_all_rows_there_a_no_is_never_missed_and_enough_is_enough(
    deeds: list[tuple[str, str, dict[str, Any]]], needed: int
) -> None:
    """The answer is exactly what the rules say of what was said."""
    here = [(person, deed) for person, deed, at in deeds if at["run"] == RUN]
    exact = [(person, deed) for person, deed, at in deeds if at == {"run": RUN, "digest": ABOUT.digest}]
    requesters = {person for person, deed in exact if deed == "propose"}
    approvers = {person for person, deed in exact if deed == "approve"} - requesters
    expected = (
        not any(deed in {"deny", "cancel"} for _, deed in here)
        and len(requesters) == 1
        and len(approvers) >= needed
    )
    answer = carried(*(honest(*deed) for deed in deeds), decision=needs(needed))
    assert isinstance(answer, Allowed) == expected


@given(deeds=st.lists(DEEDS, max_size=6), data=st.data())
def test_no_row_of_a_strangers_changes_the_answer(
    deeds: list[tuple[str, str, dict[str, Any]]], data: st.DataObject
) -> None:
    """Whatever unpinned keys sign in whoever's name, yes or no, is as if it were not there."""
    base = [honest(*deed) for deed in deeds]
    more = [
        says(
            data.draw(st.sampled_from(sorted(GROUPS))),
            data.draw(st.sampled_from(["vote", "propose", "cancel"])),
            key=KEYS["eve"],
        )
        for _ in range(data.draw(st.integers(0, 5)))
    ]
    before, after = carried(*base), carried(*base, *more)
    assert isinstance(before, Allowed) == isinstance(after, Allowed)
    if isinstance(before, NotAllowed) and isinstance(after, NotAllowed):
        assert before.why == after.why
