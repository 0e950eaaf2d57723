"""What a read's options say, its answer keeps to: whose, of which cluster, of which run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
import yaml

from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import NoSuchRunError, UsageError
from k8sops.core.run import Run
from k8sops.engine.schedules import table
from k8sops.engine.schedules.spec import schedule_spec
from k8sops.store.database import Tx
from k8sops_slack.bot.heard import Heard
from k8sops_slack.bot.reading import Reading
from k8sops_slack.reads.table import Listing
from k8sops_slack.typed.commands import Asked, read_line
from tests.slack.bot.runs_shown import drawn
from tests.slack.flows.bots import OPS, OTHER, TEAM, USERS, Bots, open_bots
from tests.support.engine_world import ALICE, BOB
from tests.support.ledger import CLUSTER

ELSEWHERE = msgspec.structs.replace(CLUSTER, uid="c-2", name="other", context="other")


@pytest.fixture
async def bots(tmp_path: Path) -> AsyncIterator[Bots]:
    """A bot of two clusters; what is kept is all that is read, so only their names matter."""
    async with open_bots(tmp_path, number=1) as found:
        for info in (CLUSTER, ELSEWHERE):
            found.replicas[0].chat.desk.take(cast("KubeCluster", SimpleNamespace(info=info)))
        yield found


async def asked_elsewhere(bots: Bots) -> Run:
    """A run of bob's on the other cluster."""
    plan = await bots.world.planned("ledger", bots.ledger, items=2)
    return await bots.world.desk.propose(msgspec.structs.replace(plan, cluster=ELSEWHERE), BOB)


async def read(bots: Bots, line: str, user: str = "alice") -> Listing:
    """What somebody is answered."""
    asked = read_line(line, program="/k8s")
    assert isinstance(asked, Asked)
    heard = Heard(key="k", kind="line", team=TEAM, user=USERS[user], text=line)
    found = await Reading(bots.replicas[0].chat).kept(asked, heard)
    assert isinstance(found, Listing)
    return found


async def test_the_trail_of_mine_of_a_cluster_and_of_a_run_is_that_and_no_more(bots: Bots) -> None:
    """Whoever asks for theirs and reads everybody's takes another's deed for their own."""
    mine, other = await bots.ask(ALICE, items=1), await asked_elsewhere(bots)
    assert {row[1] for row in (await read(bots, "audit")).rows} == {"alice", "bob"}
    assert {row[1] for row in (await read(bots, "audit --mine")).rows} == {"alice"}
    assert {row[1] for row in (await read(bots, "audit --mine", "bob")).rows} == {"bob"}
    assert {row[1] for row in (await read(bots, "audit --cluster other")).rows} == {"bob"}
    assert {row[1] for row in (await read(bots, f"audit {mine.id}")).rows} == {"alice"}
    assert not (await read(bots, f"audit {other.id} --mine")).rows


async def test_the_trail_of_a_run_that_is_not_there_says_that_it_is_not(bots: Bots) -> None:
    """A mistyped run must not look like one that did nothing."""
    with pytest.raises(NoSuchRunError, match="NOSUCHRUN"):
        await read(bots, "audit nosuchrun")


async def test_runs_of_a_cluster_are_of_that_one(bots: Bots) -> None:
    """Another cluster's runs below the name of this one would be acted on."""
    here, there = await bots.ask(ALICE, items=1), await asked_elsewhere(bots)
    for name, run in (("demo", here), ("other", there)):
        found = await read(bots, f"runs --cluster {name}")
        assert [row[1] for row in found.rows] == [run.id[:10]]
        assert found.title == f"Runs on {name}"
    assert len((await read(bots, "runs")).rows) == 2


async def test_schedules_of_a_cluster_are_of_that_one(bots: Bots) -> None:
    """What fires on staging is no answer to what fires in production."""

    def kept(tx: Tx) -> None:
        for cluster in (CLUSTER, ELSEWHERE):
            given = {"name": f"on-{cluster.name}", "action": "backup", "cron": "0 3 * * *"}
            spec = schedule_spec(given, now=tx.now())
            table.add(tx, spec, owner="alice", actor=ALICE, cluster_uid=cluster.uid, execute_as="")

    await bots.world.database.write(kept, name="test.schedules")
    assert [row[0] for row in (await read(bots, "schedules")).rows] == ["on-demo", "on-other"]
    assert [row[0] for row in (await read(bots, "schedules --cluster other")).rows] == ["on-other"]


@pytest.mark.parametrize("word", ["runs", "schedules", "audit"])
async def test_a_cluster_that_is_not_served_is_one_sentence(bots: Bots, word: str) -> None:
    """All there is, shown for a cluster that does not exist, is an answer to another question."""
    with pytest.raises(UsageError, match="no cluster 'nosuch' is served here"):
        await read(bots, f"{word} --cluster nosuch")


async def test_who_i_am_on_one_cluster_tells_of_that_one(bots: Bots) -> None:
    """With twenty clusters the one that was asked about must not be the last line."""
    heard = Heard(key="k", kind="line", team=TEAM, user=USERS["alice"])
    asked: Any = read_line("whoami --cluster other", program="/k8s")
    said = await Reading(bots.replicas[0].chat).without_cluster(asked, heard)
    assert said is not None
    assert "other" in str(said.blocks)
    assert "demo" not in str(said.blocks)


async def test_help_tells_apart_what_the_policy_refuses_whoever_asks(bots: Bots, tmp_path: Path) -> None:
    """Nobody should fill in a form for what they are refused in any case."""
    path = tmp_path / "policy.yaml"
    policy = yaml.safe_load(path.read_text(encoding="utf-8"))
    policy["rules"] = [{"name": "no", "match": {"actions": ["drain"], "groups": ["dev"]}, "effect": "deny"}]
    policy["slack"] = {"channels": [{"team": TEAM, "channel": OPS, "cluster": "demo"}]}
    path.write_text(yaml.safe_dump(policy), encoding="utf-8")

    async def helped(user: str, channel: str) -> str:
        heard = Heard(key="k", kind="line", team=TEAM, user=USERS[user], channel=channel)
        said = await Reading(bots.replicas[0].chat).without_cluster(Asked(word="help"), heard)
        assert said is not None
        return drawn(said.blocks)

    assert "Not for you here: drain" in await helped("alice", OPS)
    assert "`drain`" not in await helped("alice", OPS)
    assert "Not for you here" not in await helped("bob", OPS)
    assert "Not for you here" not in await helped("alice", OTHER), "no cluster is meant there"
