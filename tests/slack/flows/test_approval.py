"""From a typed line to a changed cluster: asked by one, approved by another, told to all who should know."""

from __future__ import annotations

from tests.slack.flows.conftest import OPS, Desk


async def test_what_one_asks_and_another_approves_is_done_and_told(desk: Desk) -> None:
    """On call, on a phone: this is what the bot is for."""
    await desk.web(2)
    alice, bob = desk.person("alice"), desk.person("bob")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace} --reason busy", OPS)
    card = await desk.message(OPS, "Approve")
    assert "PRODUCTION prod-eu" in str(card.blocks)
    assert await desk.replicas() == 2, "nothing changes before somebody has said yes"
    direct = await desk.message(desk.direct("bob"), "Approve")
    await bob.click(direct, "run.approve")
    ended = await desk.message(OPS, "done in")
    await desk.slack.until(lambda: len([one for one in desk.slack.messages(OPS) if one.thread_ts]) >= 2)
    assert await desk.replicas() == 3
    assert ended
