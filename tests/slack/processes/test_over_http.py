"""`k8sops slack --http` as a process, behind the address that Slack calls."""

from __future__ import annotations

from tests.slack.flows.conftest import OPS
from tests.slack.processes.conftest import Site


async def test_over_http_what_a_dead_bot_had_acked_is_done_once_by_the_next(site: Site) -> None:
    """Slack posts to one address, behind which one process follows another."""
    await site.web()
    alice, bob = site.person("alice"), site.person("bob")
    first = await site.http_bot()
    assert not site.slack.sockets.open
    site.proxy.pause()
    sent = await alice.slash(site.scaling(), OPS)
    assert sent.acked
    await first.killed()
    assert (await site.recorded())["run.proposed"] == 0
    site.proxy.resume()
    await site.a_minute_passes()
    second = await site.http_bot()
    await bob.click(await site.card(OPS, "Approve", "run.details"), "run.approve")
    await site.card(OPS, "done in")
    recorded = await site.recorded()
    assert [recorded[code] for code in ("run.proposed", "run.voted", "run.succeeded")] == [1] * 3
    assert await site.replicas() == 3
    assert await second.ended() == 0
    assert "Traceback" not in second.said
