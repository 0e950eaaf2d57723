"""A hostile laptop: it writes the shared store as it likes, and has its own kubeconfig, key, policy file and cluster.

Nothing it can write has the worker do what persons whom the team's policy pins have not signed. Every attack is made by
two intruders: one with the rights of a door, and one who may write every table but the audit trail's.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete, select

from k8sops.audit.record import Record, open_record
from k8sops.core.errors import DeniedError, StorePermissionError
from k8sops.core.plan import Decision
from k8sops.core.run import Approval, Run, RunState, Vote
from k8sops.engine.schedules import table
from k8sops.engine.schedules.spec import schedule_spec
from k8sops.policy.standing import StandingApproval
from k8sops.policy.statements import parse_statement
from k8sops.sandbox.manager import SandboxHandle
from k8sops.service.standing_votes import StandingRecord
from k8sops.store.database import Tx
from k8sops.store.schema import audit, runs, statements
from k8sops.store.statement_rows import statements_about
from tests.support.attacks import ATTACKS, Attack
from tests.support.engine_world import eventually
from tests.support.postgres import PostgresTestServer
from tests.support.team import Team, open_team


@pytest.fixture(scope="module", params=["door", "all but audit"])
async def team(
    request: pytest.FixtureRequest,
    sandbox: SandboxHandle,
    postgres: PostgresTestServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Team]:
    """The team, its worker at work, and an intruder of each kind in turn."""
    folder = tmp_path_factory.mktemp("team")
    async with open_team(sandbox, postgres, folder, intruder=request.param) as opened:
        yield opened


@pytest.fixture
async def web(team: Team) -> str:
    """A deployment of the test's own, at 2 replicas, that somebody wants gone."""
    name = f"web-{uuid.uuid4().hex[:6]}"
    await team.web(name)
    return name


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
async def test_nothing_an_intruder_writes_is_carried_out(team: Team, web: str, attack: Attack) -> None:
    """And the run says why, for whoever looks into it."""
    state, why = ATTACKS[attack]
    ended = await team.ended(await attack(team, web))
    assert (ended.state, why in ended.outcome) == (state, True), ended.outcome
    assert await team.replicas(web) == 2
    if state is RunState.DENIED:
        assert "statement.refused" in [record.code for record in await records(team, ended.id)]


async def records(team: Team, run: str) -> list[Record]:
    """What the audit trail has of a run."""
    query = select(audit.c.record).where(audit.c.run == run).order_by(audit.c.seq)
    found = await team.store.read(lambda tx: [bytes(data) for data in tx.execute(query).scalars()])
    return [open_record(data) for data in found if data]


async def down(team: Team, web: str, *, approver: str = "bob") -> Run:
    """One replica less, asked for by alice at her laptop, approved at another, carried out by the worker."""
    async with team.laptop("alice") as ops:
        run = await ops.propose("scale", {"target": f"deployment/{web}", "replicas": 1}, team.actor("alice"))
    assert run.state is RunState.AWAITING_APPROVAL
    async with team.laptop(approver) as ops:
        await ops.decide(run.id, Vote(verdict="approve", digest=run.plan.digest), team.actor(approver))
    return await team.ended(run.id)


async def test_what_one_person_asked_and_another_approved_is_carried_out(team: Team, web: str) -> None:
    """Beside all that is refused: and the audit trail names the statements by which each asked for it."""
    ended = await down(team, web)
    assert (ended.state, await team.replicas(web)) == (RunState.SUCCEEDED, 1), ended.outcome
    told = {record.code: record for record in await records(team, ended.id)}
    assert told["run.proposed"].statement
    assert told["run.voted"].statement
    assert told["run.started"].data["facts"]
    kept_rows = await team.store.read(lambda tx: statements_about(tx, ended.id))
    assert len(kept_rows) == 2


async def test_what_needs_no_approval_is_signed_where_it_is_confirmed(team: Team, web: str) -> None:
    """Not where it is proposed: a plan somebody only looks at must not be one that a carrier may carry out."""
    async with team.laptop("mallory") as ops:
        run = await ops.propose(
            "scale", {"target": f"deployment/{web}", "replicas": 3}, team.actor("mallory")
        )
        assert await team.store.read(lambda tx: statements_about(tx, run.id)) == ()
        await ops.start(run.id, team.actor("mallory"))
    ended = await team.ended(run.id)
    assert (ended.state, await team.replicas(web)) == (RunState.SUCCEEDED, 3), ended.outcome


async def test_a_proposal_nobody_has_confirmed_is_not_carried_out(team: Team, web: str) -> None:
    """Alice looks at her plan; meanwhile somebody queues it."""
    async with team.laptop("alice") as ops:
        run = await ops.propose("scale", {"target": f"deployment/{web}", "replicas": 3}, team.actor("alice"))
    await team.sql(run.id, state="queued")
    ended = await team.ended(run.id)
    assert "nobody the policy pins has signed" in ended.outcome
    assert await team.replicas(web) == 2


async def test_a_plan_exchanged_while_somebody_looks_at_theirs_is_not_signed(team: Team, web: str) -> None:
    """What she confirms is what she was shown, not what the store has by now."""
    async with team.laptop("alice") as ops:
        run = await ops.propose("scale", {"target": f"deployment/{web}", "replicas": 3}, team.actor("alice"))
        other = await team.plan(web, 0)
        await team.sql(run.id, plan=msgspec.json.encode(other).decode(), digest=other.digest)
        with pytest.raises(DeniedError, match="is not the one you were shown"):
            await ops.start(run.id, team.actor("alice"))
    async with team.laptop("alice") as ops:
        with pytest.raises(DeniedError, match="was not confirmed where its plan was shown"):
            await ops.start(run.id, team.actor("alice"))
    assert await team.store.read(lambda tx: statements_about(tx, run.id)) == ()
    assert (await team.replicas(web)) == 2


@pytest.mark.parametrize("state", ["queued", "running"])
async def test_a_run_that_has_ended_is_not_carried_out_again(team: Team, web: str, state: str) -> None:
    """All its signatures still hold; that it ended is in the audit trail, whatever its row says."""
    ended = await down(team, web)
    resource = await team.cluster.resource("deployments")
    await team.cluster.patch(resource, web, team.namespace, body={"spec": {"replicas": 2}})
    again = {"outcome": "", "ended_at": None, "error": None, "lease_owner": None, "wake_at": None}
    await team.sql(ended.id, state=state, **again)
    replayed = await team.ended(ended.id)
    assert "ended before (succeeded" in replayed.outcome
    assert await team.replicas(web) == 2


async def held_run(team: Team, web: str, person: str) -> Run:
    """What a person asks for and wants to start themselves, approved by bob."""
    async with team.laptop(person) as ops:
        wanted = {"target": f"deployment/{web}", "replicas": 1}
        run = await ops.propose("scale", wanted, team.actor(person), reason="on Sunday", hold=True)
    async with team.laptop("bob") as ops:
        voted = await ops.decide(run.id, Vote(verdict="approve", digest=run.plan.digest), team.actor("bob"))
    assert voted.state is RunState.PROPOSED
    return run


async def test_a_held_run_is_carried_out_once_its_requester_has_signed_the_start(
    team: Team, web: str
) -> None:
    """From whichever program of hers: that she was shown this very plan is what she signed when she asked."""
    run = await held_run(team, web, "alice")
    async with team.laptop("alice") as ops:
        await ops.start(run.id, team.actor("alice"))
    ended = await team.ended(run.id)
    assert (ended.state, await team.replicas(web)) == (RunState.SUCCEEDED, 1), ended.outcome
    rows = await team.store.read(lambda tx: statements_about(tx, run.id))
    assert sorted(parse_statement(row.body).verdict for row in rows) == ["", "approve", "hold"]


async def test_a_held_run_that_an_intruder_queues_is_not_carried_out(team: Team, web: str) -> None:
    """Approved is not started: when it goes is hers to say, and nobody's who can write the store."""
    run = await held_run(team, web, "alice")
    await team.sql(run.id, state="queued", hold=False)
    ended = await team.ended(run.id)
    assert (ended.state, await team.replicas(web)) == (RunState.DENIED, 2)
    assert "is held: alice has asked for it and has not signed its start" in ended.outcome


async def test_a_hold_taken_out_of_the_row_before_the_vote_queues_in_vain(team: Team, web: str) -> None:
    """Bob's honest program queues what the row says is not held."""
    async with team.laptop("alice") as ops:
        wanted = {"target": f"deployment/{web}", "replicas": 1}
        run = await ops.propose("scale", wanted, team.actor("alice"), hold=True)
    await team.sql(run.id, hold=False)
    async with team.laptop("bob") as ops:
        await ops.decide(run.id, Vote(verdict="approve", digest=run.plan.digest), team.actor("bob"))
    ended = await team.ended(run.id)
    assert (ended.state, await team.replicas(web)) == (RunState.DENIED, 2)
    assert "is held" in ended.outcome


async def test_nobody_signs_a_broken_glass_because_the_store_says_so(team: Team, web: str) -> None:
    """Carol may break it and does not; the row says that she wants to, and that policy is content with that."""
    async with team.laptop("carol") as ops:
        wanted = {"target": f"deployment/{web}", "replicas": 0}
        run = await ops.propose("scale", wanted, team.actor("carol"), reason="on Sunday", hold=True)
    lax = msgspec.structs.replace(run.plan, decision=Decision(effect="confirm", why="", break_glass=True))
    await team.sql(run.id, state="proposed", emergency=True, plan=msgspec.json.encode(lax).decode())
    async with team.laptop("carol") as ops:
        await ops.start(run.id, team.actor("carol"))
    ended = await team.ended(run.id)
    assert (ended.state, await team.replicas(web)) == (RunState.DENIED, 2)
    assert "needs 1 approval from ops" in ended.outcome


async def test_a_denial_taken_out_of_the_store_is_still_in_the_audit_trail(team: Team, web: str) -> None:
    """Bob said no; carol's yes, given at the same moment, is all that is left in the store."""
    async with team.laptop("alice") as ops:
        run = await ops.propose("scale", {"target": f"deployment/{web}", "replicas": 0}, team.actor("alice"))
    async with team.laptop("bob") as ops:
        await ops.decide(run.id, Vote(verdict="deny", digest=run.plan.digest), team.actor("bob"))
    yes = team.signed("carol", "vote", run.id, run.plan)
    proposal = (await team.store.read(lambda tx: statements_about(tx, run.id)))[0]
    with suppress(StorePermissionError):  # a door may not
        await team.store.write(
            lambda tx: tx.execute(delete(statements).where(statements.c.run == run.id)), name="forged"
        )
        await team.add(run.id, proposal)
    await team.add(run.id, yes)
    await team.sql(run.id, state="queued", outcome="", ended_at=None, error=None)
    ended = await team.ended(run.id)
    assert "was denied by bob" in ended.outcome
    assert "says the audit trail" in ended.outcome
    assert await team.replicas(web) == 2


async def test_a_laptop_with_a_policy_file_of_its_own_only_fools_itself(team: Team, web: str) -> None:
    """Hers says that nothing is signed and everybody may: the run is queued, and the worker's own file decides."""
    lax = team.folder / f"lax-{web}.yaml"
    lax.write_text("format: 1\n")
    async with team.laptop("mallory", policy=lax) as ops:
        run = await ops.propose(
            "scale", {"target": f"deployment/{web}", "replicas": 0}, team.actor("mallory")
        )
        await team.sql(run.id, execute_as="service:deployer")
        await ops.start(run.id, team.actor("mallory"))
    ended = await team.ended(run.id)
    assert (ended.state, await team.replicas(web)) == (RunState.DENIED, 2)
    assert "nobody the policy pins has signed" in ended.outcome


EACH_SECOND = {"action": "scale", "cron": "* * * * * *", "concurrency": "forbid"}


async def test_a_schedule_fires_on_what_its_owner_signed_in_advance(team: Team, web: str) -> None:
    """Nobody is there at night; the standing approval is the statement its runs rest on."""
    params = {"target": f"deployment/{web}", "replicas": 3, "namespace": team.namespace}
    async with team.laptop("alice") as ops:
        desk = team.schedules_of(ops)
        await desk.keep(
            await desk.draft({**EACH_SECOND, "name": web, "params": params}, team.actor("alice")),
            team.actor("alice"),
        )
        ended = await team.fired(web)
        await desk.remove(web, team.actor("alice"))
    assert (ended.state, await team.replicas(web)) == (RunState.SUCCEEDED, 3), ended.outcome


async def test_a_schedule_somebody_wrote_into_the_store_fires_in_vain(team: Team, web: str) -> None:
    """Approved in every column, alice as its owner: the worker makes its run, and carries nothing out."""
    plan = await team.plan(web, 0)
    spec = schedule_spec({**EACH_SECOND, "name": web, "params": plan.params}, now=datetime.now(UTC))
    approval = StandingApproval(
        action="scale", action_version=plan.action_version, params=plan.params, cluster_uid=plan.cluster.uid,
        cron=spec.timetable.cron, zone=spec.timetable.zone, execute_as=plan.execute_as, risk=plan.risk,
        most_targets=9, warnings=tuple(finding.code for finding in plan.findings),
        valid_until=datetime.now(UTC) + timedelta(days=1),
    )  # fmt: skip
    yes = Approval(
        actor=team.actor("bob"),
        vote=Vote(verdict="approve", digest=approval.digest),
        at=datetime.now(UTC),
        person="bob",
    )
    record = StandingRecord(approval=approval, granted=True, votes=(yes,))

    def forged(tx: Tx) -> None:
        kept_schedule = table.add(
            tx, spec, owner="alice", actor=team.actor("alice"), cluster_uid=plan.cluster.uid,
            execute_as=plan.execute_as,
        )  # fmt: skip
        table.approve(tx, web, version=kept_schedule.version, standing=record.text())

    await team.store.write(forged, name="forged")
    ended = await team.fired(web)
    await team.run_sql("DELETE FROM schedules WHERE name = :name", name=web)
    assert (ended.state, await team.replicas(web)) == (RunState.DENIED, 2)
    assert f"nobody the policy pins has signed for schedule:{web}" in ended.outcome


def _deep() -> str:
    return "[" * 100_000


@pytest.mark.parametrize(
    "columns",
    [
        {"plan": "{"},
        {"actor": "nobody"},
        {"progress": "[1]"},
        {"plan": '{"action":"no-such-action"}'},
        {"action": "cordon"},
        {"plan": _deep(), "expires_at": 1},
    ],
    ids="-".join,
)
async def test_a_run_that_cannot_be_read_holds_up_nobody_elses(
    team: Team, web: str, columns: dict[str, Any]
) -> None:
    """A worker that one bad row stops is a worker anybody can stop."""
    bad = await team.forge(await team.plan(web, 0), columns=columns)
    assert (await down(team, web)).state is RunState.SUCCEEDED
    state = select(runs.c.state).where(runs.c.id == bad)

    async def given_up() -> bool:
        return bool(await team.store.read(lambda tx: tx.execute(state).scalar_one()) == "failed")

    await eventually(given_up)


async def test_breaking_the_glass_is_the_persons_own_signed_word(team: Team, web: str) -> None:
    """Carol may, with a reason; the worker believes her signature, and the review stays open."""
    async with team.laptop("carol") as ops:
        run = await ops.propose("scale", {"target": f"deployment/{web}", "replicas": 0}, team.actor("carol"))
        assert run.state is RunState.AWAITING_APPROVAL
        await ops.start(run.id, team.actor("carol"), break_glass="it floods the database")
    ended = await team.ended(run.id)
    assert (ended.state, await team.replicas(web)) == (RunState.SUCCEEDED, 0), ended.outcome
    used = [record for record in await records(team, run.id) if record.code == "break_glass.used"]
    assert [bool(record.statement) for record in used] == [True]


@pytest.mark.parametrize(
    ("signed_by", "said_to_be", "why"),
    [
        ("", "alice", "nobody the policy pins has signed the proposal"),
        ("mallory", "alice", "is said to be alice's, but its proposal is signed by mallory"),
        ("alice, for another plan", "alice", "nobody the policy pins has signed the proposal"),
    ],
)
async def test_an_approver_s_own_program_signs_no_vote_on_a_forged_proposal(
    team: Team, web: str, signed_by: str, said_to_be: str, why: str
) -> None:
    """A carrier would refuse it all the same; but bob's hand would be under what alice never asked for."""
    plan, run = await team.plan(web, 0), team.ids.new()
    signed_for = await team.plan(web, 1) if "another" in signed_by else plan
    rows = [team.signed(signed_by.split(",", maxsplit=1)[0], "propose", run, signed_for)] if signed_by else []
    await team.forge(plan, *rows, run=run, state=RunState.AWAITING_APPROVAL, person=said_to_be)
    async with team.laptop("bob") as ops:
        assert why in await ops.unproposed(run)
        with pytest.raises(DeniedError, match=why):
            await ops.decide(run, Vote(verdict="approve", digest=plan.digest), team.actor("bob"))
        said = await team.store.read(lambda tx: statements_about(tx, run))
        assert len(said) == len(rows), "nothing of bob's is among it"
        assert (await ops.get_run(run)).approvals == ()
        denied = await ops.decide(run, Vote(verdict="deny", digest=plan.digest), team.actor("bob"))
    assert denied.state is RunState.DENIED


async def test_an_honest_proposal_is_not_called_forged(team: Team, web: str) -> None:
    """Whoever is warned of everything hears no warning."""
    async with team.laptop("alice") as ops:
        run = await ops.propose("scale", {"target": f"deployment/{web}", "replicas": 1}, team.actor("alice"))
    async with team.laptop("bob") as ops:
        assert await ops.unproposed(run.id) == ""
