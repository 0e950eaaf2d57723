"""A real schedule with an objective, a real worker, a repository without a backup: the channel hears of it, once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from k8sops_local_slack import Message
from tests.slack.flows.bots import OPS, TEAM, Bots, open_bots
from tests.support.command import Command
from tests.support.engine_world import eventually
from tests.support.processes import Process, processes_of_a_test


@pytest.fixture
def worker(
    kubeconfig: Path,
    cluster_namespace: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Process]:
    """Beside a nightly backup that has not been made yet and may be 26 hours old at most."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("K8SOPS_NAMESPACE", cluster_namespace)
    monkeypatch.setenv("K8SOPS_REPOSITORY", (tmp_path / "repository").as_uri())
    monkeypatch.setenv("K8SOPS_DATABASE_URL", f"sqlite:///{tmp_path}/k8sops.db")
    command = Command(capsys)
    command.done("backups", "key")
    command.done(
        "schedules", "add", "nightly", "--cron", "0 3 1 1 *", "--risk", "disruptive", "--rpo", "26h", "--yes",
        "--", "backup", "--include-namespaces", cluster_namespace, "--include-kinds", "configmaps",
    )  # fmt: skip
    with processes_of_a_test() as started:
        yield started("worker", "--no-health")


@pytest.mark.usefixtures("worker")
async def test_a_backup_that_is_overdue_is_told_to_the_channel_once_over_two_bots(tmp_path: Path) -> None:
    """Nobody looks at backups until one is needed: the channel is where somebody hears of it in time."""
    rules = {"notify": [{"on": ["backup.overdue"], "team": TEAM, "channel": OPS}]}
    async with open_bots(tmp_path, slack_rules=rules) as bots:
        told = await _told(bots)
        await asyncio.gather(*(bot.following.round() for bot in bots.replicas))
        assert len(bots.slack.messages(OPS)) == 1
    assert "there is no complete backup" in told.text
    assert "schedule nightly allows 26 h" in told.text


async def _told(bots: Bots) -> Message:
    async def heard() -> bool:
        await bots.round()
        return bool(bots.slack.messages(OPS))

    await eventually(heard)
    return bots.slack.messages(OPS)[0]
