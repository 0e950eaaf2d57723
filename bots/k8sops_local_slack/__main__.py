"""Run a local Slack by hand: `python -m k8sops_local_slack --port 8030`, with a page to click in."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from k8sops_local_slack.page.served import PagedSlack
from k8sops_local_slack.workspace import Workspace, app_from_manifest, usual_app


def two_people(manifest: Path | None) -> Workspace:
    """Make a workspace of two people with one channel, and the app of a manifest if there is one."""
    space = Workspace(app_from_manifest(json.loads(manifest.read_text())) if manifest else usual_app())
    space.add_user("U0ALICE", "alice")
    space.add_user("U0BOB", "bob")
    space.add_usergroup("S0SRE", "sre", "U0BOB")
    space.add_channel("C0OPS", "ops", "U0ALICE", "U0BOB")
    return space


async def serve(port: int, manifest: Path | None) -> None:
    """Serve until interrupted, after saying what a bot needs to know."""
    space = two_people(manifest)
    # Ids of their own each time: a bot on the same store takes what it has heard before for a repetition.
    async with await PagedSlack.start(space, seed=secrets.randbits(64), port=port) as slack:
        told = {
            "page": slack.address,
            "SLACK_API_URL": slack.base_url,
            "SLACK_BOT_TOKEN": space.app.bot_token,
            "SLACK_APP_TOKEN": space.app.app_token,
            "SLACK_SIGNING_SECRET": space.app.signing_secret,
        }
        sys.stdout.write("".join(f"{name}={value}\n" for name, value in told.items()))
        sys.stdout.flush()
        await asyncio.Event().wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m k8sops_local_slack", description=__doc__)
    parser.add_argument("--port", type=int, default=8030, help="0 takes a free one")
    parser.add_argument("--manifest", type=Path, help="the app's manifest, as JSON")
    chosen = parser.parse_args(arguments)
    try:
        asyncio.run(serve(chosen.port, chosen.manifest))
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
