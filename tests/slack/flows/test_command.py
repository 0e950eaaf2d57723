"""`k8sops slack` as a process: it says where it listens, ends when told to, and names what Slack refuses."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from k8sops.cluster.client import KubeCluster
from k8sops.sandbox.manager import SandboxHandle
from k8sops_local_slack import LocalSlack
from tests.service.chat.office import Office, open_office
from tests.slack.flows.conftest import workspace

DEADLINE_S = 120.0


async def started(office: Office, slack: LocalSlack, **changes: str) -> Process:
    """The command, with the environment its user would give it."""
    app = slack.workspace.app
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(office.folder),
        "KUBECONFIG": str(office.config.kubeconfig[0]),
        "K8SOPS_POLICY": str(office.policy_path),
        "K8SOPS_DATA": str(office.folder / "data"),
        "SLACK_API_URL": slack.base_url,
        "SLACK_BOT_TOKEN": app.bot_token,
        "SLACK_APP_TOKEN": app.app_token,
        **changes,
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "k8sops", "slack", stdout=PIPE, stderr=PIPE, env=environ
    )


async def test_it_listens_ends_when_told_and_names_what_is_refused(
    cluster: KubeCluster, sandbox: SandboxHandle, tmp_path: Path
) -> None:
    """A service manager restarts what ends, and shows its last words to whoever looks."""
    async with (
        open_office(cluster, sandbox, tmp_path) as office,
        await LocalSlack.start(workspace()) as slack,
        asyncio.timeout(DEADLINE_S),
    ):
        refused = await started(office, slack, SLACK_APP_TOKEN="xapp-hunter2")
        told = (await refused.communicate())[1].decode()
        assert refused.returncode == 6
        assert "error: Slack refuses SLACK_APP_TOKEN: invalid_auth" in told
        assert "hunter2" not in told
        bot = await started(office, slack)
        assert bot.stderr is not None
        said = b""
        while b"it carries runs" not in said:
            line = await bot.stderr.readline()
            assert line, said
            said += line
        assert b"listening over Socket Mode for /k8s; clusters: prod-eu" in said
        bot.send_signal(signal.SIGTERM)
        rest = (await bot.communicate())[1].decode()
        assert "stopped" in rest
        assert "Traceback" not in f"{said!r}{rest}"
