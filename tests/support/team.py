"""A team with signed trust on a shared PostgreSQL store: persons with keys and rights, a worker, and an intruder.

Roles are those the store ships: laptops log in as members of `k8sops_door`, the worker of `k8sops_carrier`. The
intruder is either a door like any other, or somebody who may write every table but the audit trail's.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
import yaml
from sqlalchemy import text

from k8sops.actions.registry import load_action, load_params, spec_of
from k8sops.cluster.client import KubeCluster
from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.ops import Ops
from k8sops.core.plan import Plan
from k8sops.core.run import Run, RunFilter, RunState
from k8sops.policy.keys import SigningKey, create_key
from k8sops.policy.statements import Signed, Statement, sign
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.namespaces import create_namespace, delete_namespace
from k8sops.sandbox.pytest_plugin import in_thread
from k8sops.service import open_ops
from k8sops.service.config import Config
from k8sops.service.ops import EngineOps
from k8sops.service.schedules import ScheduleDesk
from k8sops.service.worker import WorkerOptions, work
from k8sops.store.database import Database, Tx, open_database
from k8sops.store.roles import RoleNames
from k8sops.store.runs import insert_run, list_runs, load_row, run_of, set_columns
from k8sops.store.statement_rows import SignedBytes, StatementRow, insert_statement
from tests.support.clients import client_of
from tests.support.persons import granted, rule
from tests.support.postgres import PostgresTestServer
from tests.support.workloads import create, deployment, replicas_of

GROUPS: Final = {"alice": "dev", "bob": "ops", "carol": "ops", "mallory": "dev"}
READS: Final = (
    rule("", "namespaces", "get"),
    rule("", "pods", "get", "list"),
    rule("apps", "deployments", "get"),
    rule("apps", "deployments/scale", "get"),
)
AUDIT: Final = ("audit", "audit_head")


@dataclass
class Team:
    """Everything a test needs of it."""

    namespace: str
    cluster: KubeCluster
    urls: dict[str, str]
    """By login: laptop, worker, intruder."""
    policy: Path
    kubeconfigs: dict[str, Path]
    keys: dict[str, SigningKey]
    folder: Path
    store: Database
    """As the intruder."""
    ids: UlidSource = field(default_factory=UlidSource)

    def user(self, person: str) -> str:
        """What the cluster calls a person."""
        return f"{person}-{self.namespace}"

    def actor(self, person: str) -> Actor:
        """A person at a terminal."""
        return Actor(name=self.user(person), auth="self_subject_review")

    @asynccontextmanager
    async def laptop(self, person: str, **changes: Any) -> AsyncIterator[Ops]:
        """A person's own program, with their own kubeconfig and key, at the door's role."""
        values: dict[str, Any] = {
            "kubeconfig": (self.kubeconfigs[person],),
            "namespace": self.namespace,
            "database_url": self.urls["laptop"],
            "policy": self.policy,
            "identity_key": self.folder / person / "identity.pem",
        }
        async with open_ops(Config(**{**values, **changes})) as ops:
            yield ops

    async def web(self, name: str, replicas: int = 2) -> int:
        """A deployment; returns its generation, which any change to its spec raises."""
        made = await create(self.cluster, deployment(name, self.namespace, replicas=replicas))
        return int(made["metadata"]["generation"])

    async def replicas(self, name: str) -> int:
        """What its spec says now."""
        return (await replicas_of(self.cluster, "deployments", name, self.namespace))[0]

    async def plan(self, name: str, replicas: int, **changes: Any) -> Plan:
        """The plan of scaling it, as an honest planner makes it."""
        spec = spec_of("scale")
        given = {"target": f"deployment/{name}", "replicas": replicas, "namespace": self.namespace}
        params = load_params(spec).model_validate(given)
        plan = await load_action(spec).plan(params, ReadOnlyCluster(self.cluster), SystemClock())
        return msgspec.structs.replace(plan, **{"execute_as": "service:deployer", **changes})

    def statement(self, person: str, kind: str, run: str, plan: Plan, **changes: Any) -> Statement:
        """What a person would sign about a run."""
        now = datetime.now(UTC).replace(microsecond=0)
        values = {
            "kind": kind,
            "run": run,
            "digest": plan.digest,
            "verdict": "approve" if kind == "vote" else "",
            "person": person,
            "cluster_uid": plan.cluster.uid,
            "execute_as": plan.execute_as,
            "reason": "because",
            "made_at": now,
            "expires_at": now + timedelta(hours=1),
            "nonce": uuid.uuid4().hex,
        }
        return Statement(**{**values, **changes})

    def signed(
        self, person: str, kind: str, run: str, plan: Plan, *, key: SigningKey | None = None, **changes: Any
    ) -> Signed:
        """The same, signed; with the person's key unless the test has another."""
        return sign(self.statement(person, kind, run, plan, **changes), key or self.keys[person])

    async def forge(
        self,
        plan: Plan,
        *rows: Signed,
        run: str = "",
        state: RunState = RunState.QUEUED,
        person: str = "mallory",
        columns: dict[str, Any] | None = None,
    ) -> str:
        """Write a run and statements straight into the store, as the intruder."""
        found = Run(id=run or self.ids.new(), plan=plan, state=state, actor=self.actor(person), person=person)

        def write(tx: Tx) -> None:
            insert_run(tx, found)
            for row in rows:
                insert_statement(tx, kept(found.id, row))
            if columns:
                set_columns(tx, found.id, **columns)

        await self.store.write(write, name="forged")
        return found.id

    async def add(self, run: str, row: Signed | SignedBytes) -> None:
        """A statement into the store."""
        await self.store.write(lambda tx: insert_statement(tx, kept(run, row)), name="forged")

    async def sql(self, run: str, **columns: Any) -> None:
        """Set columns of a run, as the intruder."""
        await self.store.write(lambda tx: set_columns(tx, run, **columns), name="forged")

    async def run_sql(self, statement: str, **values: Any) -> None:
        """Any statement, as the intruder."""
        await self.store.write(lambda tx: tx.execute(text(statement), values), name="forged")

    @staticmethod
    def schedules_of(ops: Ops) -> ScheduleDesk:
        """What the program at a laptop offers for schedules."""
        assert isinstance(ops, EngineOps)
        return ops.schedule_desk

    async def fired(self, schedule: str, *, within_s: float = 120.0) -> Run:
        """The first run of a schedule, once a carrier has judged it."""
        wanted = RunFilter(schedule=schedule, limit=1000)

        def ended(tx: Tx) -> Run | None:
            runs = [run_of(load_row(tx, summary.id)) for summary in reversed(list_runs(tx, wanted))]
            return next((run for run in runs if run.state.ended), None)

        async with asyncio.timeout(within_s):
            while True:
                if (found := await self.store.read(ended)) is not None:
                    return found
                await asyncio.sleep(0.1)

    async def ended(self, run: str, *, within_s: float = 120.0) -> Run:
        """The run once a carrier has judged it."""
        async with asyncio.timeout(within_s):
            while True:
                found = await self.store.read(lambda tx: run_of(load_row(tx, run)))
                if found.state.ended:
                    return found
                await asyncio.sleep(0.05)


def kept(run: str, row: Signed | SignedBytes) -> StatementRow:
    """A statement as a row, whose columns say anything at all."""
    return StatementRow(
        nonce=uuid.uuid4().hex, subject=run, kind="vote", person="bob",
        body=row.body, signature=row.signature, key_id=row.key_id,
    )  # fmt: skip


@asynccontextmanager
async def open_team(
    sandbox: SandboxHandle, postgres: PostgresTestServer, folder: Path, *, intruder: str
) -> AsyncIterator[Team]:
    """A team at work on a fresh store and namespace; `intruder` is `door` or `all but audit`."""
    namespace = f"team-{uuid.uuid4().hex[:8]}"
    in_thread(lambda: create_namespace(sandbox, namespace))
    async with AsyncExitStack() as stack:
        stack.callback(lambda: in_thread(lambda: delete_namespace(sandbox, namespace)))
        url = stack.enter_context(postgres.store())
        database = url.partition("@/")[2].partition("?")[0]
        urls = {
            "laptop": _login(postgres, database, RoleNames().door),
            "worker": _login(postgres, database, RoleNames().carrier),
        }
        urls["intruder"] = urls["laptop"] if intruder == "door" else _nearly_owner(postgres, database)
        cluster = await stack.enter_async_context(client_of(sandbox.kubeconfig))
        keys = {name: create_key(folder / name / "identity.pem") for name in GROUPS}
        kubeconfigs = {name: _kubeconfig(sandbox, folder, f"{name}-{namespace}") for name in GROUPS}
        for name in GROUPS:
            await stack.enter_async_context(granted(cluster, f"{name}-{namespace}", *READS))
        scale = rule("apps", "deployments/scale", "get", "update", "patch")
        watch = rule("apps", "deployments", "get", "watch", "list")
        await stack.enter_async_context(
            granted(cluster, f"deployer-{namespace}", scale, watch, rule("", "pods", "list", "get"))
        )
        policy = folder / "policy.yaml"
        policy.write_text(yaml.safe_dump(team_policy(cluster, namespace, keys)))
        store = await open_database(urls["intruder"], clock=SystemClock())
        stack.push_async_callback(store.aclose)
        team = Team(namespace, cluster, urls, policy, kubeconfigs, keys, folder, store)
        config = Config(kubeconfig=(sandbox.kubeconfig,), database_url=urls["worker"], policy=policy)
        async with _worker(config, lambda _: None):
            yield team


@asynccontextmanager
async def _worker(config: Config, say: Callable[[str], None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work(config, WorkerOptions(grace_s=2.0), say))
    try:
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def team_policy(cluster: KubeCluster, namespace: str, keys: dict[str, SigningKey]) -> dict[str, Any]:
    """What disrupts production takes one of ops; nobody cordons; the worker acts as `deployer`."""
    return {
        "format": 1,
        "trust": "signed",
        "clusters": [
            {
                "uid": cluster.info.uid,
                "name": "shop-eu",
                "environment": "production",
                "ca_fingerprint": cluster.transport.credentials.authorities[0],
            }
        ],
        "people": {
            name: {
                "groups": [group],
                "cluster": [{"cluster": "shop-eu", "username": f"{name}-{namespace}"}],
                "keys": [{"id": keys[name].key_id, "key": keys[name].public.text}],
            }
            for name, group in GROUPS.items()
        },
        "administrators": {"people": ["carol"]},
        "rules": [
            {
                "name": "production-disrupts",
                "match": {"environments": ["production"], "risk": "disruptive"},
                "effect": "approve",
                "from": ["ops"],
            },
            {"name": "nobody-cordons", "match": {"actions": ["node.cordon"]}, "effect": "deny"},
        ],
        "break_glass": {"people": ["carol"]},
        "execute_as": {
            "services": [
                {
                    "name": "deployer",
                    "actions": ["workload.scale", "node.cordon"],
                    "user": f"deployer-{namespace}",
                }
            ]
        },
    }


def _kubeconfig(sandbox: SandboxHandle, folder: Path, user: str) -> Path:
    path = folder / f"{user}.kubeconfig"
    path.touch(mode=0o600)
    path.write_bytes(SandboxManager(sandbox.folder.parent).kubeconfig_for(sandbox.name, user, ()))
    return path


def _login(postgres: PostgresTestServer, database: str, role: str) -> str:
    """A user of its own that is a member of the role."""
    user = f"{role}_{uuid.uuid4().hex[:6]}"
    postgres.run(f"CREATE ROLE {user} LOGIN IN ROLE {role}", database)
    return postgres.url(database, user=user)


def _nearly_owner(postgres: PostgresTestServer, database: str) -> str:
    user = f"intruder_{uuid.uuid4().hex[:6]}"
    with psycopg.connect(postgres.url(database), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {user} LOGIN".encode())
        connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}".encode())
        for table in AUDIT:
            connection.execute(f"REVOKE ALL ON {table} FROM {user}".encode())
            connection.execute(f"GRANT SELECT ON {table} TO {user}".encode())
    return postgres.url(database, user=user)
