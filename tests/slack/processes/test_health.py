"""What a supervisor hears of a bot: ready while store and Slack are there, not while it is cut off from Slack."""

from __future__ import annotations

import json
import re
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from k8sops_local_slack import LocalSlack
from tests.slack.flows.conftest import OPS, PATIENT, workspace
from tests.slack.processes.conftest import Bot, Site
from tests.support.engine_world import eventually

SOON_S = 120.0


def _address(bot: Bot) -> str:
    (address,) = re.findall(r"health on (http://127\.0\.0\.1:\d+)/healthz", bot.said)
    return str(address)


async def _asked(bot: Bot, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"{_address(bot)}{path}") as response:
        return response.status, await response.text()


async def _checks(bot: Bot) -> tuple[int, dict[str, Any]]:
    status, body = await _asked(bot, "/readyz")
    checks: dict[str, Any] = json.loads(body)["checks"]
    return status, checks


async def _until(bot: Bot, status: int, **checks: str) -> None:
    async def so() -> bool:
        return await _checks(bot) == (status, checks)

    await eventually(so, within_s=SOON_S)


async def _figures(bot: Bot) -> dict[str, float]:
    _, text = await _asked(bot, "/metrics")
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_bot_that_is_cut_off_is_alive_and_not_ready_until_slack_is_back(site: Site) -> None:
    """Restarting it would not bring Slack back; whoever watches it has to know all the same."""
    bot = await site.bot()
    await _until(bot, 200, store="ok", slack="ok")
    assert (await _figures(bot))["k8sops_slack_connected"] == 1
    port = int(site.slack.address.rpartition(":")[2])
    await site.slack.stop()
    await _until(bot, 503, store="ok", slack="unreachable")
    assert (await _asked(bot, "/healthz"))[0] == 200
    assert (await _figures(bot))["k8sops_slack_connected"] == 0
    async with await LocalSlack.start(workspace(), patience=PATIENT, rate_limits=False, port=port):
        await _until(bot, 200, store="ok", slack="ok")
        assert await bot.ended() == 0


async def test_what_a_bot_says_and_shows_is_counted(site: Site) -> None:
    """A bot whose messages Slack refuses looks well from outside; its figures tell."""
    await site.web()
    bot = await site.bot()
    before = await _figures(bot)
    assert before["k8sops_slack_runs_shown"] == 0
    await site.person("alice").slash(site.scaling(), OPS)
    await site.card(OPS, "Approve")

    async def shown() -> bool:
        figures = await _figures(bot)
        return bool(
            figures["k8sops_slack_runs_shown"] == 1
            and figures["k8sops_slack_asked_open"] == 0
            and figures["k8sops_slack_calls_total chat.postMessage ok"] >= 1
            and figures["k8sops_runs awaiting_approval"] == 1
        )

    await eventually(shown, within_s=SOON_S)
    assert await bot.ended() == 0


async def test_over_http_it_is_ready_while_it_listens_and_without_health_it_says_nothing(site: Site) -> None:
    """Behind an address Slack opens no socket; and whoever wants no port open gets none."""
    bot = await site.http_bot()
    await _until(bot, 200, store="ok", slack="ok")
    silent = await site.bot("--no-health")
    assert "health on" not in silent.said
