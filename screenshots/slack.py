"""The picture of the desk in Slack: `k8sops demo --slack` on the stage, its page in a real browser, at one moment.

Two drains are asked for; the first has its yes and is on its way, the second waits. Nothing moves on the stage by
itself: this module deletes the pods that the drain evicts, as a kubelet would, up to where the picture is taken. What
the picture says is kept beside it as text, by which a test tells whether it is stale; that needs a browser, too.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from difflib import unified_diff
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Final
from unittest.mock import patch

from PIL import Image

from k8sops.cli.carrying import carry_until_stopped
from k8sops.cli.demo_team import OPS, STEPS, USERS, team, write_policy
from k8sops.cluster.connect import connect
from k8sops.core.clock import SystemClock
from k8sops.service.chat.opening import open_chat
from k8sops.service.config import load_config
from k8sops_local_slack import Message, Patience
from k8sops_local_slack.page.served import PagedSlack
from k8sops_local_slack.timing import RealTime
from k8sops_slack.bot.serving import Tokens, serving
from screenshots.stage import Standing
from tools.browser import NotSeenError, find_browser, open_tab

NAME: Final = "slack"
ALT: Final = "Slack: one drain on its way in its thread, another waiting for a yes"
SIZE: Final = (1280, 800)
SCALE: Final = 2.0
LINES: Final = (
    '/k8s drain node-4 --ignore-daemonsets --reason "new kernel"',
    '/k8s drain node-2 --ignore-daemonsets --reason "new kernel"',
)
GONE: Final = 6
"""How many of the first drain's pods have left."""
PATIENCE: Final = Patience(ack=60.0, trigger=60.0)
STEP: Final = timedelta(seconds=40)
SEEN_S: Final = 120.0


class Moment:
    """The time of the stage, which passes only where it is moved."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    @contextmanager
    def everywhere(self) -> Iterator[None]:
        """Every part of the program sees this time, the bot's and the worker's, which make their own clocks."""
        with patch.object(SystemClock, "now", lambda _: self.at):
            yield


class SlackTime(RealTime):
    """Slack's clock, at the same moment; what is due is due in real seconds."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    def now(self) -> float:
        """The moment, in seconds since 1970."""
        return self._moment.at.timestamp()


async def taken(standing: Standing) -> tuple[bytes, str]:
    """The picture as PNG, and what stands on it. Raises NotSeenError where the page does not come to show it."""
    browser = find_browser()
    if browser is None:
        raise NotSeenError("there is no browser to take it with")
    moment = Moment(standing.stage.now)
    with moment.everywhere():
        async with _desk(standing, moment) as slack:
            await _asked(slack, moment)
            await _on_its_way(standing.plane.folder.kubeconfig, slack)
            async with open_tab(browser) as tab:
                await tab.open(slack.address, *SIZE, scale=SCALE)
                await tab.click("bob")
                await tab.click("# ops")
                await tab.click(selector="button.replies")
                await tab.sees("of 14 pods moved", within="#replies")
                await tab.value("document.activeElement.blur()")
                # What is below the mouse looks different.
                await tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=0, y=0)
                return await tab.picture(), await tab.text()


async def take(standing: Standing, folder: Path, *, check: bool, say: Callable[[str], None]) -> bool:
    """Take it, or with `check` tell whether what is kept is stale; False where it is, or cannot be taken."""
    if find_browser() is None:
        say(f"{NAME}: left as it is, since no browser is here to take it with (docs/local-slack.md)")
        return True
    kept = folder / f"{NAME}.txt"
    png, text = await taken(standing)
    shown = same_lines(text)
    if not check:
        kept.write_text(shown, encoding="utf-8")
        kept.with_suffix(".png").write_bytes(smaller(png))
        say(f"took {NAME}")
        return True
    before = kept.read_text(encoding="utf-8") if kept.exists() else ""
    changes = unified_diff(before.splitlines(), shown.splitlines(), "kept", "shown", n=0, lineterm="")
    difference = "\n  ".join(changes)
    say(f"{NAME}: " + (f"stale; `make shots` takes it again\n  {difference}" if difference else "as it is"))
    return not difference


def same_lines(text: str) -> str:
    """What has to be the same each time: pods leave in no order, and the time left is in real seconds."""
    lines = [line for line in text.splitlines() if "was evicted from" not in line]
    return re.sub(r" · about \d+ s left", "", "\n".join(lines)) + "\n"


def smaller(png: bytes) -> bytes:
    """The same with 256 colours, which a page of text is content with."""
    with Image.open(BytesIO(png)) as picture, BytesIO() as written:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
        return written.getvalue()


@asynccontextmanager
async def _desk(standing: Standing, moment: Moment) -> AsyncIterator[PagedSlack]:
    """What `k8sops demo --slack` runs, on the stage."""
    kubeconfig = standing.plane.folder.kubeconfig
    config = load_config({"kubeconfig": (kubeconfig,), "policy": write_policy(standing.place)})
    starting = PagedSlack.start(team(0), clock=SlackTime(moment), patience=PATIENCE, rate_limits=False)
    async with await starting as slack, open_chat(config) as chat:
        slack.guide = STEPS
        app = slack.workspace.app
        tokens = Tokens(bot=app.bot_token, app=app.app_token, api=slack.base_url)
        async with serving(chat, tokens, _quiet, pace_s=0.0):
            await slack.sockets_open()
            worker = asyncio.create_task(carry_until_stopped(chat.workers))
            try:
                yield slack
            finally:
                worker.cancel()
                await asyncio.gather(worker, return_exceptions=True)


async def _asked(slack: PagedSlack, moment: Moment) -> None:
    """Alice asks for both, and bob says yes to the first."""
    for number, line in enumerate(LINES, 1):
        await slack.person(USERS["alice"]).slash(line, OPS)
        await slack.until(partial(_stands, slack, number), SEEN_S)
        moment.at += STEP
    await slack.person(USERS["bob"]).click(_cards(slack)[0], "run.approve")
    await slack.until(lambda: "12 pods to end" in _shown(slack), SEEN_S)


async def _on_its_way(kubeconfig: Path, slack: PagedSlack) -> None:
    """Some of the pods that were evicted are gone, as a kubelet would have it; the first by name."""
    admin = await connect(
        kubeconfig=(kubeconfig,), context=None, impersonate=None, clock=SystemClock(), cluster_names={}
    )
    try:
        pods = await admin.resource("pods")
        leaving = [
            pod["metadata"] async for pod in admin.list(pods) if "deletionTimestamp" in pod["metadata"]
        ]
        for one in sorted(leaving, key=lambda one: (one["namespace"], one["name"]))[:GONE]:
            await admin.delete(pods, one["name"], one["namespace"], grace_period_seconds=0)
    finally:
        await admin.aclose()
    await slack.until(lambda: f"{GONE + 2} of 14 pods moved" in _shown(slack), SEEN_S)


def _cards(slack: PagedSlack) -> list[Message]:
    return [one for one in slack.messages(OPS) if "run.approve" in str(one.blocks)]


def _stands(slack: PagedSlack, count: int) -> bool:
    """Whether so many requests are in the channel and in bob's own messages, where they may be one message."""
    told = slack.person(USERS["bob"]).screen().count("[Details]")
    return len(_cards(slack)) == told == count


def _shown(slack: PagedSlack) -> str:
    return slack.person(USERS["bob"]).screen(OPS)


def _quiet(_: str) -> None:
    """What the bot and its worker tell whoever runs them is no part of the picture."""
