"""The app in `app.js`, on the official JavaScript SDK in the versions of the lock file, installed for the session.

Skipped where there is no Node, or where npm cannot get what it needs. A package whose bytes are not those of the lock
file is no reason to skip.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from k8sops_local_slack import LocalSlack, Patience, Workspace
from tests.slack.local.conftest import small_workspace
from tests.slack.local.support import OPS

HERE = Path(__file__).parent
PATIENT = Patience(ack=60.0, trigger=60.0)
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
OURS = ("EINTEGRITY", "EUSAGE", "EJSONPARSE")
MORE_SCOPES = {"channels:history", "files:read", "reactions:write", "team:read"}


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the app and all that it needs."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("needs Node.js and npm: they are not installed")
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", "app.js"):
        shutil.copy(HERE / name, folder)
    try:
        done = subprocess.run(
            [npm, *INSTALL], cwd=folder, capture_output=True, text=True, timeout=300, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not get @slack/bolt within five minutes")
    told = done.stderr.strip()
    assert not any(word in told for word in OURS), told
    if done.returncode:
        pytest.skip(f"npm could not get @slack/bolt: {told.splitlines()[-1] if told else done.returncode}")
    return folder


@pytest.fixture
def space() -> Workspace:
    """The small workspace, with what only this app asks for."""
    space = small_workspace()
    space.app.scopes |= MORE_SCOPES
    space.app.shortcuts = {"shortcut.global": "global", "shortcut.message": "message"}
    return space


@pytest.fixture
async def live(space: Workspace) -> AsyncIterator[LocalSlack]:
    """On the machine's clock, since the SDK checks signatures by it; more patient than Slack, for busy machines."""
    async with await LocalSlack.start(space, patience=PATIENT) as running:
        yield running


@asynccontextmanager
async def node_app(slack: LocalSlack, packages: Path, way: str) -> AsyncIterator[None]:
    """The app, connected over `sockets` or `http`."""
    app = slack.workspace.app
    environ = {
        "SLACK_API_URL": slack.base_url,
        "SLACK_BOT_TOKEN": app.bot_token,
        "SLACK_APP_TOKEN": app.app_token,
        "SLACK_SIGNING_SECRET": app.signing_secret,
        "CHANNEL": OPS,
    }
    process = await asyncio.create_subprocess_exec(
        *("node", "app.js", way),
        cwd=packages,
        env={"PATH": os.environ["PATH"], **environ},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            said = (await process.stdout.readline()).decode().split()
        assert said[:1] == ["ready"], f"the app did not start: {said}"
        if way == "http":
            await slack.deliver_over_http(f"http://127.0.0.1:{said[1]}/slack/events")
        else:
            await slack.sockets_open()
        yield
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(30):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


@pytest.fixture(params=["sockets", "http"])
async def node(live: LocalSlack, packages: Path, request: pytest.FixtureRequest) -> AsyncIterator[LocalSlack]:
    """The local Slack with the app on it, either way."""
    async with node_app(live, packages, request.param):
        yield live
