"""Over HTTP anybody can reach the bot: only what Slack has signed, now and once, means anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from k8sops.cluster.client import KubeCluster
from k8sops.core.run import RunFilter, RunState
from k8sops.sandbox.manager import SandboxHandle
from tests.service.chat.office import open_office
from tests.slack.flows.conftest import APPROVED, OPS, Desk, opened

BAD: tuple[Literal["forged", "late"], ...] = ("forged", "late")


async def test_what_slack_did_not_sign_just_now_is_refused_and_what_it_sends_again_is_done_once(
    cluster: KubeCluster, sandbox: SandboxHandle, cluster_namespace: str, tmp_path: Path
) -> None:
    """Forged, late, bent and replayed; and the flow itself, so that what is refused is not simply everything."""
    async with (
        open_office(cluster, sandbox, tmp_path) as office,
        opened(office, cluster_namespace, over_http=True, rules=APPROVED) as desk,
    ):
        await desk.web(2)
        alice, bob = desk.person("alice"), desk.person("bob")
        line = f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}"
        for signature in BAD:
            desk.slack.faults.signature = signature
            sent = await alice.slash(line, OPS)
            assert (sent.error, sent.reason) == ("dispatch_failed", "http_error")
        desk.slack.faults.signature = "good"
        assert await _runs(desk) == ()
        await alice.slash(line, OPS)
        card = await desk.message(OPS, "Approve")
        assert desk.slack.http is not None
        heard = desk.slack.http.sent[-1]
        assert (await desk.slack.http.post(replace(heard, body=heard.body + b"&x=1"))).status == 401
        assert (await desk.slack.http.post(heard)).status == 200, "Slack itself sends again"
        await bob.click(card, "run.approve")
        await desk.shown("alice", OPS, "done in", "3 of 3 replicas ready")
        assert len(await _runs(desk)) == 1


async def _runs(desk: Desk) -> tuple[Any, ...]:
    return await desk.chat.records.runs(RunFilter(states=tuple(RunState)))
