"""`k8sops demo --slack`: bot, worker and Slack on a real sandbox, clicked through in a real browser."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from k8sops.cli.demo_slack import check_ready
from k8sops.core.errors import UsageError
from tests.slack.browser.conftest import NO_BROWSER
from tests.slack.browser.support import PHONE, WIDE
from tools.browser import Tab, find_browser, open_tab

PATIENCE_S = 600.0
ADDRESS = re.compile(r"The page: (http://127\.0\.0\.1:\d+)")


@asynccontextmanager
async def demo(home: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A running one, and the page's address; ended, if it does not end by itself, as Ctrl-C ends it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "k8sops", "demo", "--slack", "--port", "0",
        env={**os.environ, "K8SOPS_SANDBOX_HOME": str(home), "PYTHONUNBUFFERED": "1"},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    errors = asyncio.create_task(process.stderr.read())
    try:
        async with asyncio.timeout(PATIENCE_S):
            said = ""
            while not (found := ADDRESS.search(said)):
                line = await process.stdout.readline()
                assert line, f"it ended: {said}{(await errors).decode()}"
                said += line.decode()
        yield process, found.group(1)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE_S):
            await process.wait()
        await errors


async def test_the_story_is_clicked_through_and_nothing_is_left(tmp_path: Path) -> None:
    """Form, card, another's yes, progress, result, undo: in a browser, on a real cluster; then Ctrl-C."""
    browser = find_browser()
    if browser is None:
        pytest.skip(NO_BROWSER)
    home = tmp_path / "sandboxes"
    async with demo(home) as (process, address), open_tab(browser) as tab:
        await tab.open(address, *WIDE)
        await _asks_by_a_form(tab)
        await _approves(tab, "bob", "from 3 to 5 replicas")
        await tab.click(selector="button.replies", last=True)
        await tab.sees("✅ done in", "5 of 5 replicas ready", "approved by bob", "@alice", within="#replies")
        await _takes_it_back_on_a_phone(tab)
        assert tab.trouble == []
    assert process.returncode == 0
    assert not list(home.glob("*/kubeconfig"))
    left = [
        one.info["name"]
        for one in psutil.process_iter(["name", "cmdline"])
        if str(home) in str(one.info["cmdline"])
    ]
    assert left == []


async def _asks_by_a_form(tab: Tab) -> None:
    """As alice: the command without arguments opens its form, whose fields search the cluster."""
    await tab.click("alice")
    await tab.write("/k8s scale", "#line")
    await tab.press("Enter")
    await tab.sees("Replicas", within="#modal")
    for label, typed, wanted in (("Namespace", "sho", "shop"), ("Targets", "web", "deployment/web")):
        await tab.write(typed, f"#modal [aria-label^='{label}'] [role=combobox]")
        await tab.click(wanted, "[role=option]")
    await tab.write("5", "#modal [data-place$='/replicas'], #modal [data-place*='replicas']")
    await tab.click("Show the plan")
    await tab.sees("PRODUCTION acme · scale shop/deployment/web", "needs 1 of", within="#messages")


async def _approves(tab: Tab, person: str, change: str) -> None:
    """As somebody else, in their own messages with the bot."""
    await tab.click(person)
    await tab.click("@ k8sops")
    await tab.sees(change, within="#messages")
    await tab.click("Approve", last=True)
    await tab.sees("PRODUCTION acme", within="#confirm")
    await tab.click("Approve")
    await tab.sees("approved by bob", within="#messages")
    await tab.click("# ops")


async def _takes_it_back_on_a_phone(tab: Tab) -> None:
    """Undo is a plan of its own, which again waits for bob; what was 5 is 3 again."""
    await tab.resize(*PHONE)
    await tab.click("Close the thread")
    await tab.click("alice")
    await tab.click("# ops")
    await tab.click("Undo…", last=True)
    await tab.sees("from 5 to 3 replicas", within="#messages")
    await _approves(tab, "bob", "from 5 to 3 replicas")
    await tab.sees("3 of 3 replicas ready", within="#messages")


def test_a_port_that_is_taken_is_told_before_anything_is_built() -> None:
    """Not after five minutes of building, and not as a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            UsageError, match=rf"cannot listen on 127\.0\.0\.1:{port}: Address already in use"
        ) as told:
            check_ready(port)
    assert "--port takes another" in (told.value.hint or "")
    check_ready(0)
