"""What a hostile laptop writes into the shared store, one function for each idea; each returns the run it hopes for.

Mallory is a person the policy pins, in no group that approves. What others signed, she has read in the store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from k8sops.actions.registry import load_action, load_params, spec_of
from k8sops.audit.record import seal
from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.core.audit import AuditEntry
from k8sops.core.clock import SystemClock
from k8sops.core.errors import StorePermissionError
from k8sops.core.plan import Decision, Plan
from k8sops.core.risk import Risk
from k8sops.core.run import RunState
from k8sops.engine.signing import facts_hash
from k8sops.policy.keys import new_key
from k8sops.policy.statements import HELD, Signed
from k8sops.store.audit_rows import append_audit
from k8sops.store.events import Lease
from k8sops.store.runs import load_row
from k8sops.store.steps import note_checked
from k8sops.store.times import to_ms
from tests.support.team import Team

DAY: Final = timedelta(days=1)
YEAR_AHEAD: Final = 4_000_000_000_000


async def approved(team: Team, web: str, replicas: int = 0) -> tuple[Plan, str, list[Signed]]:
    """What alice asked for and bob approved, not in the store yet."""
    plan, run = await team.plan(web, replicas), team.ids.new()
    return plan, run, [team.signed("alice", "propose", run, plan), team.signed("bob", "vote", run, plan)]


async def unsigned_queued(team: Team, web: str) -> str:
    """A run out of thin air, as if somebody had approved it."""
    return await team.forge(await team.plan(web, 0), person="alice")


async def unsigned_running(team: Team, web: str) -> str:
    """As if a carrier had checked it, and died."""
    columns = {"started_at": 1_700_000_000_000, "lease_owner": "X" * 26, "lease_until": 0.0, "lease_boot": ""}
    return await team.forge(await team.plan(web, 0), state=RunState.RUNNING, columns=columns)


async def approval_skipped(team: Team, web: str) -> str:
    """Alice has asked, nobody has approved, and the state says queued."""
    plan, run, (proposal, _) = await approved(team, web)
    return await team.forge(plan, proposal, run=run, person="alice")


async def held(team: Team, web: str, *more: str, state: RunState = RunState.QUEUED) -> str:
    """Alice wants to start it herself, on Sunday, and bob has approved it; only her own word says that it is held."""
    plan, run = await team.plan(web, 0), team.ids.new()
    rows = [team.signed("alice", "propose", run, plan, verdict=HELD), team.signed("bob", "vote", run, plan)]
    rows += [team.signed(person, "propose", run, plan) for person in more]
    columns = {"started_at": 1_700_000_000_000} if state is RunState.RUNNING else None
    return await team.forge(plan, *rows, run=run, person="alice", state=state, columns=columns)


async def held_and_queued(team: Team, web: str) -> str:
    """The state says that it may go."""
    return await held(team, web)


async def held_and_running(team: Team, web: str) -> str:
    """The state says that it has begun."""
    return await held(team, web, state=RunState.RUNNING)


async def held_and_claimed(team: Team, web: str) -> str:
    """Mallory signs the start that alice has not."""
    return await held(team, web, "mallory")


async def own_approval(team: Team, web: str) -> str:
    """Mallory asks and approves, in her own name and as bob in the votes' columns."""
    plan, run = await team.plan(web, 0), team.ids.new()
    rows = [team.signed("mallory", kind, run, plan) for kind in ("propose", "vote")]
    await team.forge(plan, *rows, run=run, state=RunState.PROPOSED)
    await team.run_sql(
        "INSERT INTO votes (run, nonce, person, verdict, digest, reason, actor, at)"
        " VALUES (:run, 'n', 'bob', 'approve', :digest, '', :actor, 1)",
        run=run,
        digest=plan.digest,
        actor=msgspec.json.encode(team.actor("bob")).decode(),
    )
    await team.sql(run, state="queued")
    return run


async def forged_signature(team: Team, web: str) -> str:
    """A vote in bob's name with mallory's pinned key."""
    plan, run, (proposal, _) = await approved(team, web)
    vote = team.signed("bob", "vote", run, plan, key=team.keys["mallory"])
    return await team.forge(plan, proposal, vote, run=run)


async def borrowed_key_id(team: Team, web: str) -> str:
    """The same, said to be by bob's key."""
    plan, run, (proposal, _) = await approved(team, web)
    vote = team.signed("bob", "vote", run, plan, key=team.keys["mallory"])
    forged = msgspec.structs.replace(vote, key_id=team.keys["bob"].key_id)
    return await team.forge(plan, proposal, forged, run=run)


async def enrolled_not_pinned(team: Team, web: str) -> str:
    """A key of her own, put into the store as bob's enrolment."""
    plan, run, (proposal, _) = await approved(team, web)
    key = new_key()
    await team.run_sql(
        "INSERT INTO enrolments (key_id, public_key, person, cluster_uid, username, groups, evidence, at)"
        " VALUES (:id, :key, 'bob', :uid, :user, '[]', '{}', 1)",
        id=key.key_id,
        key=key.public.text,
        uid=plan.cluster.uid,
        user=team.user("bob"),
    )
    return await team.forge(plan, proposal, team.signed("bob", "vote", run, plan, key=key), run=run)


async def copied_statements(team: Team, web: str) -> str:
    """Everything alice and bob signed for one run, beside another with the same plan."""
    plan, _, rows = await approved(team, web)
    return await team.forge(plan, *rows, person="alice")


async def swapped_plan(team: Team, web: str) -> str:
    """They agreed to one replica less; the plan in the row takes both."""
    _, run, rows = await approved(team, web, 1)
    return await team.forge(await team.plan(web, 0), *rows, run=run, person="alice")


async def swapped_digest(team: Team, web: str) -> str:
    """The same, and the columns still have the digest they agreed to."""
    agreed, run, rows = await approved(team, web, 1)
    return await team.forge(await team.plan(web, 0), *rows, run=run, columns={"digest": agreed.digest})


async def edited_params(team: Team, web: str) -> str:
    """Only the params in the plan's JSON, which is what would be planned again."""
    plan, run, rows = await approved(team, web, 1)
    edited = msgspec.structs.replace(plan, params={**plan.params, "replicas": 0})
    return await team.forge(edited, *rows, run=run)


async def edited_decision(team: Team, web: str) -> str:
    """The plan says that policy lets it pass, in an emergency, under a grant."""
    plan, run, (proposal, _) = await approved(team, web)
    passed = msgspec.structs.replace(
        plan, decision=Decision(effect="allow", why="trust me", break_glass=True)
    )
    columns = {"emergency": True, "grant_digest": "ab" * 32}
    return await team.forge(passed, proposal, run=run, columns=columns)


async def a_schedules_run(team: Team, web: str) -> str:
    """A run of a schedule whose standing approval the intruder wrote."""
    return await team.forge(
        await team.plan(web, 0), columns={"schedule": "nightly", "grant_digest": "ab" * 32}
    )


async def broken_glass(team: Team, web: str) -> str:
    """Mallory breaks the glass, which is not hers to break."""
    plan, run = await team.plan(web, 0), team.ids.new()
    rows = [team.signed("mallory", kind, run, plan) for kind in ("propose", "break_glass")]
    return await team.forge(plan, *rows, run=run, columns={"emergency": True})


async def borrowed_identity(team: Team, web: str) -> str:
    """What anybody may ask for, to be done as the worker itself."""
    own = (await team.cluster.whoami()).username
    plan, run = await team.plan(web, 3, execute_as=f"user:{own}"), team.ids.new()
    return await team.forge(plan, team.signed("mallory", "propose", run, plan), run=run)


async def identity_in_the_column(team: Team, web: str) -> str:
    """The plan says mallory, the column the service the worker acts as."""
    plan, run = await team.plan(web, 3, execute_as="person:mallory"), team.ids.new()
    rows = [team.signed("mallory", "propose", run, plan)]
    return await team.forge(plan, *rows, run=run, columns={"execute_as": "service:deployer"})


async def ahead_of_time(team: Team, web: str) -> str:
    """Signed today for tomorrow, when the key may be revoked."""
    plan, run, now = await team.plan(web, 3), team.ids.new(), datetime.now(UTC).replace(microsecond=0)
    late: dict[str, Any] = {"made_at": now + DAY, "expires_at": now + 2 * DAY}
    return await team.forge(plan, team.signed("mallory", "propose", run, plan, **late), run=run)


async def expiry_raised(team: Team, web: str) -> str:
    """What alice and bob agreed to yesterday, and nobody started; the row says it holds for years."""
    plan, run, then = await team.plan(web, 0), team.ids.new(), datetime.now(UTC).replace(microsecond=0) - DAY
    old: dict[str, Any] = {"made_at": then, "expires_at": then + timedelta(hours=1)}
    rows = [team.signed("alice", "propose", run, plan, **old), team.signed("bob", "vote", run, plan, **old)]
    return await team.forge(plan, *rows, run=run, columns={"expires_at": YEAR_AHEAD})


async def expired_but_running(team: Team, web: str) -> str:
    """The same, as if it had been begun while it held: with every trace of a beginning the intruder can write."""
    run = await expiry_raised_parked(team, web)
    then = datetime.now(UTC) - DAY
    digest = (await team.store.read(lambda tx: load_row(tx, run))).digest
    began = AuditEntry(
        code="run.started",
        at=then,
        run=run,
        digest=digest,
        outcome="started",
        data={"facts": facts_hash(run, digest, "{}")},
    )
    for forged in (
        lambda tx: append_audit(tx, [began], seal),
        lambda tx: note_checked(tx, Lease(run=run, owner="me", fence=1, ttl_s=8.0), f"{digest} {{}}"),
    ):
        with suppress(StorePermissionError):  # each intruder may do one of the two
            await team.store.write(forged, name="forged")
    with suppress(StorePermissionError):
        await team.run_sql("UPDATE run_steps SET started_at = :at WHERE run = :run", at=to_ms(then), run=run)
    await team.sql(run, state="running", started_at=to_ms(then))
    return run


async def expiry_raised_parked(team: Team, web: str) -> str:
    """`expiry_raised`, not to be claimed yet."""
    plan, run, then = await team.plan(web, 0), team.ids.new(), datetime.now(UTC).replace(microsecond=0) - DAY
    old: dict[str, Any] = {"made_at": then, "expires_at": then + timedelta(hours=1)}
    rows = [team.signed("alice", "propose", run, plan, **old), team.signed("bob", "vote", run, plan, **old)]
    return await team.forge(plan, *rows, run=run, state=RunState.PROPOSED, columns={"expires_at": YEAR_AHEAD})


async def denied_and_revived(team: Team, web: str) -> str:
    """Bob said no, carol's yes came in beside it, and the state says queued."""
    plan, run, (proposal, _) = await approved(team, web)
    no, yes = (
        team.signed("bob", "vote", run, plan, verdict="deny"),
        team.signed("carol", "vote", run, plan),
    )
    return await team.forge(plan, proposal, no, yes, run=run)


async def cancelled_and_revived(team: Team, web: str) -> str:
    """Alice took it back after bob's yes."""
    plan, run, rows = await approved(team, web)
    return await team.forge(plan, *rows, team.signed("alice", "cancel", run, plan), run=run)


async def stolen_lock(team: Team, web: str) -> str:
    """Others' locks are taken away, and her own run holds the target."""
    run = await team.forge(await team.plan(web, 0), state=RunState.PROPOSED)
    await team.run_sql("DELETE FROM target_locks")
    await team.run_sql(
        "INSERT INTO target_locks (key, run, since) VALUES (:key, :run, 1)", key=f"x/y/{web}", run=run
    )
    await team.sql(run, state="queued")
    return run


async def denied_action(team: Team, web: str) -> str:
    """Mallory signs, in her own name, what the policy lets nobody do."""
    spec = spec_of("cordon")
    params = load_params(spec).model_validate({"nodes": ["node-1"]})
    plan = await load_action(spec).plan(params, ReadOnlyCluster(team.cluster), SystemClock())
    plan, run = msgspec.structs.replace(plan, execute_as="service:deployer"), team.ids.new()
    return await team.forge(plan, team.signed("mallory", "propose", run, plan), run=run)


async def another_cluster(team: Team, web: str) -> str:
    """A plan made on her own cluster, which has a uid of its own, with a row that says it is for this one."""
    plan, run = await team.plan(web, 3), team.ids.new()
    own = msgspec.structs.replace(plan, cluster=msgspec.structs.replace(plan.cluster, uid="c-own"))
    rows = [team.signed("mallory", "propose", run, own)]
    return await team.forge(own, *rows, run=run, columns={"cluster_uid": plan.cluster.uid})


async def a_lying_cluster(team: Team, web: str) -> str:
    """Her own cluster claims this one's uid and says that taking both replicas is nothing: so nobody need approve."""
    plan, run = await team.plan(web, 0), team.ids.new()
    harmless = tuple(msgspec.structs.replace(step, risk=Risk.LOW) for step in plan.steps)
    lying = msgspec.structs.replace(plan, steps=harmless, findings=())
    return await team.forge(lying, team.signed("mallory", "propose", run, lying), run=run)


async def too_many(team: Team, web: str) -> str:
    """Hundreds of statements, to have the carrier do nothing else, or give up checking."""
    plan, run, rows = await approved(team, web)
    noise = [team.signed("mallory", "vote", run, plan) for _ in range(200)]
    return await team.forge(plan, *noise, *rows, run=run)


Attack = Callable[[Team, str], Awaitable[str]]
"""Takes the team and the name of the deployment that is to be gone."""
ATTACKS: Final[dict[Attack, tuple[RunState, str]]] = {
    unsigned_queued: (RunState.DENIED, "nobody the policy pins has signed"),
    unsigned_running: (RunState.DENIED, "nobody the policy pins has signed"),
    approval_skipped: (RunState.DENIED, "needs 1 approval from ops"),
    held_and_queued: (RunState.DENIED, "has asked for it and has not signed its start"),
    held_and_claimed: (RunState.DENIED, "is claimed by alice and by mallory"),
    held_and_running: (RunState.DENIED, "has asked for it and has not signed its start"),
    own_approval: (RunState.DENIED, "nobody approves what they asked for themselves"),
    forged_signature: (RunState.DENIED, "is signed with the key of mallory"),
    borrowed_key_id: (RunState.DENIED, "is not signed with key"),
    enrolled_not_pinned: (RunState.DENIED, "which the policy does not pin"),
    copied_statements: (RunState.DENIED, " is about "),
    swapped_plan: (RunState.DENIED, "is on digest"),
    swapped_digest: (RunState.DENIED, "is on digest"),
    edited_params: (RunState.DENIED, "is on digest"),
    edited_decision: (RunState.DENIED, "needs 1 approval from ops"),
    a_schedules_run: (RunState.DENIED, "the schedule nightly has no standing approval"),
    broken_glass: (RunState.DENIED, "mallory may not break the glass"),
    borrowed_identity: (RunState.DENIED, "for which the policy has service:deployer"),
    identity_in_the_column: (RunState.DENIED, "it is to be done as person:mallory"),
    ahead_of_time: (RunState.DENIED, "which is in the future"),
    expiry_raised: (RunState.DENIED, "expired at"),
    expired_but_running: (RunState.DENIED, "expired at"),
    denied_and_revived: (RunState.DENIED, "was denied by bob"),
    cancelled_and_revived: (RunState.DENIED, "was cancelled by alice"),
    stolen_lock: (RunState.DENIED, "nobody the policy pins has signed"),
    denied_action: (RunState.DENIED, "nobody-cordons: denied"),
    another_cluster: (RunState.DENIED, "which is not this one"),
    a_lying_cluster: (RunState.VOID, "the cluster has changed"),
    too_many: (RunState.DENIED, "the store holds 201 statements"),
}
"""How each ends, and a part of the sentence that says why."""
