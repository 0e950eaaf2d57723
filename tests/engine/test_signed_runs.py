"""Runs under signed trust on both stores: taken over, reviewed and resumed, with an intruder who owns the tables.

The intruder here may write everything but the audit trail, the carriers' journal included.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from k8sops.core.errors import K8sOpsError, StatementError
from k8sops.core.plan import Decision
from k8sops.core.run import RunState, Vote
from k8sops.engine.desk import Desk
from k8sops.policy.keys import new_key
from tests.engine.carriers.hands import Hands, dying_in_step
from tests.engine.signed_world import EXECUTE_AS, SignedWorld, open_signed_world, signed_policy
from tests.engine.test_embedded_carrier import EmbeddedHands
from tests.support.engine_records import chain_of, in_order
from tests.support.engine_world import ALICE, BOB, eventually, needing, serving
from tests.support.ledger import free, lines_of

HANDS: Hands = EmbeddedHands()


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[SignedWorld]:
    """An engine whose carriers want to see signatures."""
    async with open_signed_world(store_url) as opened:
        yield opened


@pytest.fixture
async def elsewhere(world: SignedWorld) -> AsyncIterator[SignedWorld]:
    """Another process's engine on the same store."""
    async with open_signed_world(world.url) as opened:
        yield opened


async def parked(world: SignedWorld, ledger: Path) -> str:
    """A run whose first line is written and which waits for two hours, with nobody carrying it."""
    run = await world.started("ledger", ledger, items=2, pause_s=7200.0)
    async with serving(world.carrier()):
        await world.parked(run.id)
    assert len(lines_of(ledger)) == 1
    return run.id


async def woken(world: SignedWorld, run: str) -> None:
    """The wait is over."""
    await world.sql("UPDATE run_steps SET due_at = 1 WHERE run = :run AND due_at IS NOT NULL", run=run)
    await world.sql("UPDATE runs SET wake_at = 1 WHERE id = :run", run=run)


async def test_what_has_begun_in_time_is_carried_on_when_its_statements_have_expired(
    world: SignedWorld, ledger: Path
) -> None:
    """A confirmation holds for an hour; a drain may take longer, and must not stop half way."""
    run = await parked(world, ledger)
    world.later.ahead = timedelta(hours=3)
    await woken(world, run)
    async with serving(world.carrier()):
        ended = await world.ended(run)
    assert (ended.state, len(lines_of(ledger))) == (RunState.SUCCEEDED, 2), ended.outcome
    await in_order(world.database, run)


async def test_what_had_not_begun_in_time_is_not_made_to_look_as_if_it_had(
    world: SignedWorld, ledger: Path
) -> None:
    """The state and the journal say that it was begun in time; the audit trail knows nothing of it."""
    run = (await world.started("ledger", ledger, items=2)).id
    world.later.ahead = timedelta(hours=3)
    await world.sql(
        "UPDATE runs SET state = 'running', started_at = 1, wake_at = NULL WHERE id = :run", run=run
    )
    await world.sql(
        "INSERT INTO run_steps (run, path, state, fence, attempt, started_at, result)"
        " SELECT id, 'plan:checked', 'done', 1, 1, 1, digest || ' {}' FROM runs WHERE id = :run",
        run=run,
    )
    async with serving(world.carrier()):
        ended = await world.ended(run)
    assert (ended.state, lines_of(ledger)) == (RunState.DENIED, [])
    assert "expired at" in ended.outcome


async def test_a_key_that_was_revoked_meanwhile_carries_nothing_on(world: SignedWorld, ledger: Path) -> None:
    """What it signed counts no more, also for runs that have begun; the run says what is done and what is not."""
    run = await parked(world, ledger)
    world.policy = signed_policy(people={"carol": {}}, administrators={"people": ["carol"]})
    await woken(world, run)
    async with serving(world.carrier()):
        ended = await world.ended(run)
    assert ended.state is RunState.FAILED
    assert "which the policy does not pin" in ended.outcome
    assert "item-0" in ended.outcome
    assert len(lines_of(ledger)) == 1


async def test_a_cancelled_run_whose_carrier_died_takes_back_what_it_did(
    world: SignedWorld, elsewhere: SignedWorld, ledger: Path
) -> None:
    """The signed no means that it must not go on, not that a node stays cordoned for ever."""
    run = await world.started("ledger", ledger, items=3, hang_at=1, gives_back=True)
    async with dying_in_step(HANDS, world, run.id, ledger, 1):
        await elsewhere.desk.cancel(run.id, ALICE, "")
        async with HANDS.at_work(elsewhere):
            done = await elsewhere.ended(run.id)
    assert done.state is RunState.CANCELLED, done.outcome
    assert lines_of(ledger) == [run.plan.steps[0].id, "given-back"]


async def test_what_was_never_begun_takes_nothing_back_on_the_store_s_word(
    world: SignedWorld, ledger: Path
) -> None:
    """State, cancel and a step are forged: the audit trail knows of no beginning, so that nothing is called."""
    run = (await world.started("ledger", ledger, items=2, gives_back=True)).id
    await world.sql(
        "UPDATE runs SET state = 'running', started_at = 1, wake_at = NULL, cancel_by = 'mallory' WHERE id = :run",
        run=run,
    )
    await world.sql(
        "INSERT INTO run_steps (run, path, state, fence, attempt, started_at, result)"
        " SELECT id, 'ledger/item:0000', 'started', 1, 1, 1, '' FROM runs WHERE id = :run",
        run=run,
    )
    async with serving(world.carrier()):
        done = await world.ended(run)
    assert (done.state, lines_of(ledger)) == (RunState.CANCELLED, [])


async def test_a_journal_that_forgot_a_step_is_not_believed(world: SignedWorld, ledger: Path) -> None:
    """Taken out of the journal, a step would be done again; the audit trail has it as begun."""
    run = await parked(world, ledger)
    await world.sql("DELETE FROM run_steps WHERE run = :run AND path LIKE 'ledger/item%'", run=run)
    await woken(world, run)
    async with serving(world.carrier()):
        ended = await world.ended(run)
    assert "which the audit trail has as begun" in ended.outcome
    assert len(lines_of(ledger)) == 1


async def in_review(world: SignedWorld, elsewhere: SignedWorld, ledger: Path) -> str:
    """A run whose carrier died in a step that must not be repeated."""
    run = await world.started("once", ledger, items=3, hang_at=1)
    async with dying_in_step(HANDS, world, run.id, ledger, 1):
        free(ledger)
        async with HANDS.at_work(elsewhere):
            ended = await elsewhere.ended(run.id)
    assert ended.state is RunState.NEEDS_REVIEW
    return run.id


@pytest.mark.parametrize(("how", "lines"), [("done", ["0", "2"]), ("retry", ["0", "1", "2"])])
@pytest.mark.parametrize("person", ["alice", "carol"])
async def test_whoever_may_settles_a_step_with_a_signed_word(
    world: SignedWorld, elsewhere: SignedWorld, ledger: Path, how: str, lines: list[str], person: str
) -> None:
    """Its requester, or an administrator; the carrier puts the word into its journal."""
    run = await in_review(world, elsewhere, ledger)
    await elsewhere.settled(run, how, person)
    async with HANDS.at_work(elsewhere):
        ended = await elsewhere.ended(run)
    assert ended.state is RunState.SUCCEEDED, ended.outcome
    assert [line[-1] for line in lines_of(ledger)] == lines
    told = [record for record in await chain_of(elsewhere.database) if record.code == "step.settled"]
    assert [record.person for record in told] == [person]
    await in_order(elsewhere.database, run)


@pytest.mark.parametrize("word", ["none", "a stranger's", "for another step"])
async def test_a_step_in_doubt_is_not_done_again_on_anybody_elses_word(
    world: SignedWorld, elsewhere: SignedWorld, ledger: Path, word: str
) -> None:
    """The state says running again; the step in doubt is as it was."""
    run = await in_review(world, elsewhere, ledger)
    if word == "a stranger's":
        await elsewhere.settled(run, "retry", "mallory")
    if word == "for another step":
        path = "UPDATE run_steps SET path = :new WHERE run = :run AND path = :old"
        one, other = "ledger/item:0001", "ledger/item:0002"
        await elsewhere.sql(path, run=run, old=one, new=other)
        await elsewhere.settled(run, "retry")
        await elsewhere.sql(path, run=run, old=other, new=one)
    await elsewhere.sql(
        "UPDATE runs SET state = 'running', outcome = '', ended_at = NULL, error = NULL WHERE id = :run",
        run=run,
    )
    async with HANDS.at_work(elsewhere):

        async def judged() -> bool:
            return bool((await elsewhere.row(run)).state == "needs_review")

        await eventually(judged)
    assert [line[-1] for line in lines_of(ledger)] == ["0"]


async def test_a_word_settles_a_step_once(world: SignedWorld, elsewhere: SignedWorld, ledger: Path) -> None:
    """A carrier that dies in it again leaves it to a person again: yesterday's `retry` is no standing order."""
    run = await in_review(world, elsewhere, ledger)
    await elsewhere.settled(run, "retry")
    ledger.with_name(f"{ledger.name}.free").unlink()
    async with HANDS.losing(elsewhere) as lost:

        async def hangs_again() -> bool:
            found = await elsewhere.get(run)
            return sum(event.kind == "step_started" for event in found.events) == 3

        await eventually(hangs_again)
        lost.vanish()
        free(ledger)
        async with HANDS.at_work(world):

            async def judged() -> bool:
                return bool((await world.row(run)).state == "needs_review")

            await eventually(judged)
    assert [line[-1] for line in lines_of(ledger)] == ["0"]


async def test_only_a_pinned_key_of_whoever_asks_signs_here(world: SignedWorld, ledger: Path) -> None:
    """What no carrier would believe is refused where it is said, in one sentence."""
    plan = await world.planned("ledger", ledger, execute_as=EXECUTE_AS)
    unpinned = Desk(world.database, world.books, world.rules, world.ids, world.signer("alice", new_key()))
    with pytest.raises(StatementError, match="the policy does not pin it for any person"):
        await unpinned.propose(plan, ALICE)
    bobs = Desk(world.database, world.books, world.rules, world.ids, world.signer("bob"))
    with pytest.raises(StatementError, match="pinned for bob, but the cluster knows you as alice"):
        await bobs.propose(plan, ALICE)


async def test_what_policy_denies_is_on_record_without_a_signature(world: SignedWorld, ledger: Path) -> None:
    """Nothing will come of it, and nobody needs a key to be told so."""
    world.rules.decision = Decision(effect="deny", why="frozen")
    desk = Desk(world.database, world.books, world.rules, world.ids, world.signer("alice", new_key()))
    run = await desk.propose(await world.planned("ledger", ledger), ALICE)
    assert run.state is RunState.DENIED


FORGERIES = {
    "UPDATE runs SET person = 'carol' WHERE id = :run": "said to be alice or carol's, but its proposal is signed by",
    'UPDATE runs SET actor = \'{"name": "carol"}\' WHERE id = :run': "said to be alice or carol's",
    "DELETE FROM statements WHERE run = :run": "nobody the policy pins has signed the proposal",
    "UPDATE statements SET key_id = '0000000000000000' WHERE run = :run": "nobody the policy pins has signed",
    "UPDATE runs SET plan = replace(plan, 'item', 'other') WHERE id = :run": "the vote is on digest",
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_no_vote_is_signed_on_a_proposal_that_is_not_its_requester_s_word(
    world: SignedWorld, ledger: Path, forgery: str
) -> None:
    """Bob's own program looks before it puts his hand to anything; without the forgery his vote is taken."""
    world.rules.decision = needing(1)
    plan = await world.planned("ledger", ledger, execute_as=EXECUTE_AS)
    run = await world.desk_of("alice").propose(plan, ALICE)
    honest = await world.desk_of("alice").propose(plan, ALICE)
    yes = Vote(verdict="approve", digest=plan.digest)
    await world.sql(forgery, run=run.id)
    with pytest.raises(K8sOpsError, match=FORGERIES[forgery]):
        await world.desk_of("bob").decide(run.id, yes, BOB)
    assert (await world.get(run.id)).approvals == ()
    assert (await world.desk_of("bob").decide(honest.id, yes, BOB)).state is RunState.QUEUED
    await chain_of(world.database)
