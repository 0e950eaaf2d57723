"""An installation whose slash command is another: two of them at one Slack must not both be /k8s."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.sandbox.manager import SandboxHandle
from k8sops_local_slack import NotVisible
from tests.service.chat.office import open_office
from tests.slack.flows.conftest import APPROVED, OPS, Desk, opened


@pytest.fixture
async def ops_desk(
    cluster: KubeCluster, sandbox: SandboxHandle, cluster_namespace: str, tmp_path: Path
) -> AsyncIterator[Desk]:
    """As `desk`, with `slack: {command: /ops}`."""
    async with (
        open_office(cluster, sandbox, tmp_path) as office,
        opened(office, cluster_namespace, command="/ops", rules=APPROVED) as found,
    ):
        yield found


async def test_everything_said_names_the_command_that_there_is(ops_desk: Desk) -> None:
    """A hint that names /k8s leads nowhere here, or into another team's clusters."""
    desk, alice, bob = ops_desk, ops_desk.person("alice"), ops_desk.person("bob")
    await desk.web(2)
    with pytest.raises(NotVisible):
        await alice.slash("/k8s help", OPS)
    for line, told in (
        ("help", "/ops help [ACTION]"),
        ("help scale", "/ops scale"),
        ("help runs", "/ops runs"),
        ("scael deployment/web", "did you mean scale"),
        ("ops get", "/ops get KIND"),
        ("run", "/ops run RUN"),
        ("run 01JZZZZZZZ", "no run"),
        ("scale deployment/web --replicas many", "/ops"),
        ("whoami", "Policy knows you as"),
        ("status --cluster nowhere", "nowhere"),
    ):
        await alice.slash(f"/ops {line}", OPS)
        await desk.shown("alice", OPS, told)
    await alice.mention(OPS, "what is this")
    await alice.open_home()
    await desk.slack.until(alice.home_screen)
    # From the words to the end of the run.
    await alice.slash(f"/ops scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    await bob.click(await desk.message(OPS, "Approve"), "run.approve")
    await desk.shown("alice", OPS, "3 of 3 replicas ready")
    await alice.slash("/ops runs", OPS)
    await desk.shown("alice", OPS, "STATE")
    said = "\n".join(str(call) for call in desk.slack.journal.calls)
    assert "/ops" in said
    assert "/k8s" not in said
