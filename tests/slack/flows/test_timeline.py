"""`timeline` in Slack: read as the person who asks, from the cluster as it is."""

from __future__ import annotations

from tests.service.chat.office import USERS
from tests.slack.flows.conftest import OPS, Desk


async def test_what_happened_is_told_to_whoever_asks_as_they_may_see_it(desk: Desk) -> None:
    """In an incident the channel is where one is; what alice may not read is named to her, and not read for her."""
    await desk.web(2)
    await desk.person("alice").slash(f"/k8s timeline -n {desk.namespace} --since 10m", OPS)
    shown = await desk.message(OPS, "Cluster prod-eu")
    assert shown.only_for == USERS["alice"]
    await desk.shown("alice", OPS, "not in it: events, ", f" in {desk.namespace}; nodes", "(not permitted)")
