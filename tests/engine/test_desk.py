"""What people do to runs, and what the desk answers when it is too late, too early, or not theirs to do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from k8sops.core.errors import (
    AlreadyDecidedError,
    ApprovalPendingError,
    BlockedError,
    DeniedError,
    K8sOpsError,
    TargetLockedError,
    UsageError,
)
from k8sops.core.plan import Decision
from k8sops.core.run import RunState
from k8sops.engine.sweeping import sweep
from k8sops.store.database import Tx
from k8sops.store.leases import take_lease
from k8sops.store.outbox import undelivered
from k8sops.store.reviews import open_reviews
from k8sops.store.runs import set_columns
from tests.support.engine_records import chain_of, in_order
from tests.support.engine_world import ALICE, BOB, CAROL, PlainRules, World, needing, open_world

NOBODY = Decision(effect="deny", why="read-only mode is on", rule="ro")


@pytest.fixture
def asking(world: World) -> World:
    """The world, its policy asking for two approvals."""
    world.rules.decision = needing(2)
    return world


async def codes(world: World, run: str) -> list[str]:
    """The audit codes of a run."""
    return [record.code for record in await chain_of(world.database) if record.run == run]


async def test_what_policy_denies_is_on_record_too(world: World, ledger: Path) -> None:
    """Who tried what, and that they were told no, is what an auditor asks first."""
    world.rules.decision = NOBODY
    run = await world.proposed("ledger", ledger)
    assert run.state is RunState.DENIED
    assert run.outcome == "denied: read-only mode is on"
    assert await codes(world, run.id) == ["run.proposed", "run.denied"]
    with pytest.raises(DeniedError, match="read-only"):
        await world.desk.start(run.id, ALICE)
    await in_order(world.database, run.id)


async def test_a_blocked_plan_can_neither_be_started_nor_approved(world: World, ledger: Path) -> None:
    """Approvals do not override a blocker; its flag does, on a new plan."""
    world.rules.decision = needing(1)
    run = await world.proposed("ledger", ledger, blocked=True)
    assert run.state is RunState.PROPOSED
    with pytest.raises(AlreadyDecidedError, match="needs no approval"):
        await world.vote(run)
    with pytest.raises(BlockedError, match="something is in the way"):
        await world.desk.start(run.id, ALICE)
    with pytest.raises(BlockedError):
        await world.desk.start(run.id, ALICE, break_glass="fire")


async def test_only_the_requester_starts_a_run(world: World, ledger: Path) -> None:
    """A plan that somebody reads over another's shoulder is not theirs to start; the attempt is on record."""
    run = await world.proposed("ledger", ledger)
    with pytest.raises(DeniedError, match="only its requester"):
        await world.desk.start(run.id, BOB)
    assert await codes(world, run.id) == ["run.proposed", "run.refused"]
    await world.desk.start(run.id, ALICE)
    with pytest.raises(AlreadyDecidedError, match="already queued"):
        await world.desk.start(run.id, ALICE)


async def test_a_run_that_awaits_approval_cannot_be_started_round_it(asking: World, ledger: Path) -> None:
    """The answer says what is missing and the command that gives it."""
    run = await asking.proposed("ledger", ledger)
    with pytest.raises(ApprovalPendingError, match="2 more needed") as error:
        await asking.desk.start(run.id, ALICE)
    assert error.value.hint == f"`k8sops approve {run.id} --digest {run.plan.digest[:12]}`"


async def test_the_last_needed_vote_queues_the_run(asking: World, ledger: Path) -> None:
    """Nobody has to come back to start it."""
    run = await asking.proposed("ledger", ledger)
    assert (await asking.vote(run, BOB)).state is RunState.AWAITING_APPROVAL
    queued = await asking.vote(run, CAROL, reason="looks right")
    assert queued.state is RunState.QUEUED
    assert [approval.person for approval in queued.approvals] == ["bob", "carol"]
    assert await codes(asking, run.id) == ["run.proposed", "run.voted", "run.voted", "run.approved"]
    await in_order(asking.database, run.id)


@pytest.mark.parametrize(
    ("who", "error", "says"),
    [
        ("alice", DeniedError, "requester's own"),
        ("alice-again", DeniedError, "requester's own"),
        ("bob", AlreadyDecidedError, "bob has approved run"),
        ("bob-at-home", AlreadyDecidedError, "bob has approved run"),
    ],
)
async def test_nobody_counts_twice_nor_for_themselves(
    asking: World, ledger: Path, who: str, error: type[K8sOpsError], says: str
) -> None:
    """One person under two names is one person; each refused vote is on record."""
    run = await asking.proposed("ledger", ledger)
    await asking.vote(run, BOB)
    with pytest.raises(error, match=says):
        await asking.vote(run, msgspec.structs.replace(BOB, name=who))
    assert (await asking.get(run.id)).state is RunState.AWAITING_APPROVAL
    assert (await codes(asking, run.id))[-1] == "run.vote_refused"
    await in_order(asking.database, run.id)


async def test_a_vote_on_another_plan_does_not_count(asking: World, ledger: Path) -> None:
    """What somebody looked at is what they approve."""
    run = await asking.proposed("ledger", ledger)
    for digest in ("0" * 64, run.plan.digest[:11], ""):
        with pytest.raises(UsageError, match="the plan's is"):
            await asking.vote(run, BOB, digest=digest)
    assert (await asking.vote(run, BOB, digest=run.plan.digest[:12].upper())).approvals[0].person == "bob"


async def test_one_no_ends_it_and_a_late_vote_hears_whose(asking: World, ledger: Path) -> None:
    """The second voter is told what was decided, by whom."""
    run = await asking.proposed("ledger", ledger)
    denied = await asking.vote(run, BOB, "deny", reason="not today")
    assert denied.state is RunState.DENIED
    with pytest.raises(AlreadyDecidedError, match="already denied by bob: not today"):
        await asking.vote(run, CAROL)
    await in_order(asking.database, run.id)


async def test_who_said_yes_may_still_say_no(asking: World, ledger: Path) -> None:
    """A change of mind in time stops the run; the record has both votes."""
    run = await asking.proposed("ledger", ledger)
    await asking.vote(run, BOB)
    assert (await asking.vote(run, BOB, "deny")).state is RunState.DENIED
    assert await codes(asking, run.id) == ["run.proposed", "run.voted", "run.voted", "run.denied"]


async def test_of_two_votes_at_the_same_moment_one_hears_of_the_other(
    world: World, elsewhere: World, tmp_path: Path
) -> None:
    """Two processes, two people, one run: exactly one queues it, the other is told so."""
    world.rules.decision = needing(1)
    for number in range(6):
        run = await world.proposed("ledger", tmp_path / "ledger", targets=f"t{number}")
        answers = await asyncio.gather(
            world.vote(run, BOB), elsewhere.vote(run, CAROL), return_exceptions=True
        )
        late = [answer for answer in answers if isinstance(answer, BaseException)]
        assert len(late) == 1
        assert isinstance(late[0], AlreadyDecidedError)
        assert "is already queued" in str(late[0])
        found = await in_order(world.database, run.id)
        assert found.state is RunState.QUEUED
        assert len((await world.get(run.id)).approvals) == 1


async def test_a_yes_and_a_no_at_the_same_moment_are_told_apart(
    world: World, elsewhere: World, tmp_path: Path
) -> None:
    """Whichever came first holds; the other hears what was decided."""
    world.rules.decision = needing(1)
    for number in range(6):
        run = await world.proposed("ledger", tmp_path / "ledger", targets=f"t{number}")
        yes, no = await asyncio.gather(
            world.vote(run, BOB), elsewhere.vote(run, CAROL, "deny"), return_exceptions=True
        )
        state = (await in_order(world.database, run.id)).state
        if isinstance(yes, BaseException):
            assert "already denied by carol" in str(yes)
            assert state is RunState.DENIED
        else:
            assert "already queued" in str(no)
            assert state is RunState.QUEUED


async def test_breaking_the_glass_leaves_a_review_open(asking: World, ledger: Path) -> None:
    """It goes on at once, loudly, and somebody has to look at it afterwards."""
    run = await asking.proposed("ledger", ledger)
    queued = await asking.desk.start(run.id, ALICE, break_glass="the shop is down")
    assert queued.state is RunState.QUEUED
    reviews = await asking.database.read(open_reviews)
    assert [(review.run, review.kind) for review in reviews] == [(run.id, "break_glass")]
    assert await codes(asking, run.id) == [
        *("run.proposed", "break_glass.used", "review.opened", "run.queued")
    ]
    notices = await asking.database.write(undelivered, name="told")
    told = [notice.payload["text"] for notice in notices]
    assert told[-1] == "the glass was broken by alice: the shop is down"
    await in_order(asking.database, run.id)


async def test_whoever_may_not_break_the_glass_is_refused_and_recorded(asking: World, ledger: Path) -> None:
    """An attempt is as interesting as a success."""
    asking.rules.refuses = "not in a chat"
    run = await asking.proposed("ledger", ledger)
    with pytest.raises(DeniedError, match="not in a chat"):
        await asking.desk.start(run.id, ALICE, break_glass="please")
    assert await codes(asking, run.id) == ["run.proposed", "break_glass.refused"]


async def test_a_run_nobody_carries_is_cancelled_at_once(world: World, ledger: Path) -> None:
    """Proposed, awaiting or queued: nothing has been done and nothing will be; its targets are free again."""
    proposed = await world.proposed("ledger", ledger, targets="a")
    queued = await world.queued("ledger", ledger, targets="b")
    world.rules.decision = needing(1)
    awaiting = await world.proposed("ledger", ledger, targets="c")
    for run in (proposed, queued, awaiting):
        done = await world.desk.cancel(run.id, BOB, "never mind")
        assert done.state is RunState.CANCELLED
        assert done.outcome == "cancelled by bob: never mind: it had not started, nothing was changed"
        await in_order(world.database, run.id)
        with pytest.raises(AlreadyDecidedError, match="nothing to cancel"):
            await world.desk.cancel(run.id, BOB, "")
    world.rules.decision = Decision(effect="confirm", why="test")
    await world.queued("ledger", ledger, targets="b")


async def test_a_second_run_on_the_same_target_is_refused_and_names_the_first(
    world: World, ledger: Path
) -> None:
    """Two people who scale the same workload hear of each other; and of one that nobody carries, what does."""
    first = await world.queued("ledger", ledger)
    second = await world.proposed("ledger", ledger)
    with pytest.raises(
        TargetLockedError, match=rf"lines/item-0 is being changed by run {first.id}"
    ) as raised:
        await world.desk.start(second.id, ALICE)
    assert raised.value.hint.startswith(
        "nobody carries that run now: `k8sops worker --until-idle` carries it"
    )
    await world.database.write(lambda tx: take_lease(tx, first.id, "somebody", 600.0), name="carried")
    with pytest.raises(TargetLockedError) as raised:
        await world.desk.start(second.id, ALICE)
    assert raised.value.hint == f"wait for it: `k8sops runs watch {first.id}`, or cancel it"
    await world.database.write(lambda tx: set_columns(tx, first.id, lease_owner=None), name="let go")
    assert (await codes(world, second.id))[-1] == "run.refused"
    await world.desk.cancel(first.id, ALICE, "")
    assert (await world.desk.start(second.id, ALICE)).state is RunState.QUEUED


async def test_the_same_name_on_another_cluster_is_another_target(world: World, ledger: Path) -> None:
    """Locks are by cluster uid, whatever the context is called."""
    await world.queued("ledger", ledger)
    assert (await world.queued("ledger", ledger, cluster="c-2")).state is RunState.QUEUED


async def age(world: World, run: str) -> None:
    """Make the run's time have passed."""

    def work(tx: Tx) -> None:
        set_columns(tx, run, expires_at=tx.now_ms() - 1)

    await world.database.write(work, name="aged")


async def test_what_nobody_decided_in_time_expires_which_means_no(world: World, ledger: Path) -> None:
    """Each says what did not come in time; what is running does not expire."""
    proposed = await world.proposed("ledger", ledger, targets="a")
    queued = await world.queued("ledger", ledger, targets="b")
    world.rules.decision = needing(1, ttl_s=60)
    awaiting = await world.proposed("ledger", ledger, targets="c")
    assert await sweep(world.database, world.books) == 0
    for run in (proposed, queued, awaiting):
        await age(world, run.id)
    assert await sweep(world.database, world.books) == 3
    assert await sweep(world.database, world.books) == 0
    assert [(await world.get(run.id)).outcome for run in (proposed, queued, awaiting)] == [
        "expired: nobody confirmed it in time",
        "expired: no carrier took it up in time",
        "expired: the approvals did not come in time",
    ]
    for run in (proposed, queued, awaiting):
        await in_order(world.database, run.id)


async def test_a_vote_or_a_start_after_the_time_is_too_late_swept_or_not(asking: World, ledger: Path) -> None:
    """Expiry does not wait for whoever sweeps."""
    run = await asking.proposed("ledger", ledger)
    await asking.vote(run, BOB)
    await age(asking, run.id)
    with pytest.raises(AlreadyDecidedError, match="already expired: the approvals did not come in time"):
        await asking.vote(run, CAROL)
    assert (await in_order(asking.database, run.id)).state is RunState.EXPIRED
    asking.rules.decision = Decision(effect="confirm", why="test")
    late = await asking.proposed("ledger", ledger)
    await age(asking, late.id)
    with pytest.raises(DeniedError, match="has expired"):
        await asking.desk.start(late.id, ALICE)
    assert (await in_order(asking.database, late.id)).state is RunState.EXPIRED


async def test_an_approval_time_is_policys_not_the_plans(store_url: str, ledger: Path) -> None:
    """A policy that gives ten minutes gives ten minutes, whatever the plan's own hour."""
    async with open_world(store_url, rules=PlainRules(needing(1, ttl_s=600))) as world:
        run = await world.proposed("ledger", ledger)
        row = await world.row(run.id)
    assert row.expires_at - row.proposed_at == 600_000
