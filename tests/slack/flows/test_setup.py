"""`k8sops slack setup` as a process: from nothing to a bot that knows somebody, and nothing rewritten or shown."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from k8sops.cluster.client import KubeCluster
from k8sops.policy.load import load_policy
from k8sops.sandbox.manager import SandboxHandle
from k8sops_local_slack import LocalSlack
from tests.cli.test_terminal import Terminal
from tests.service.chat.office import TEAM, Office, chat_user, open_office
from tests.slack.flows.conftest import workspace

DEADLINE_S = 180.0
TOKENS = ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    said: str


@dataclass
class Newcomer:
    """Somebody with a kubeconfig and an app, and nothing else."""

    office: Office
    slack: LocalSlack
    home: Path

    @property
    def environ(self) -> dict[str, str]:
        """No policy, no configuration, no store; both tokens."""
        app = self.slack.workspace.app
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "KUBECONFIG": str(self.office.config.kubeconfig[0]),
            "K8SOPS_CONFIG": str(self.config),
            "K8SOPS_DATA": str(self.home / "data"),
            "SLACK_API_URL": self.slack.base_url,
            "SLACK_BOT_TOKEN": app.bot_token,
            "SLACK_APP_TOKEN": app.app_token,
        }

    @property
    def config(self) -> Path:
        """Where the configuration goes."""
        return self.home / "config.yaml"

    @property
    def policy(self) -> Path:
        """Where a policy is begun."""
        return self.home / "policy.yaml"

    @property
    def alice(self) -> tuple[str, ...]:
        """Every answer about the first person."""
        return (
            *("--user", "alice@example.com", "--person", "alice", "--group", "sre"),
            *("--cluster-user", self.office.called("alice")),
        )

    async def setup(
        self, *arguments: str, without: tuple[str, ...] = (), environ: Mapping[str, str] | None = None
    ) -> Done:
        """Run it where there is no terminal."""
        given = {name: value for name, value in self.environ.items() if name not in without}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "k8sops", "slack", "setup", *arguments),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env={**given, **(environ or {})},
        )
        async with asyncio.timeout(DEADLINE_S):
            out, said = await process.communicate()
        done = Done(process.returncode or 0, out.decode(), said.decode())
        app = self.slack.workspace.app
        for token in (app.bot_token, app.app_token, app.signing_secret, "hunter2"):
            assert token not in f"{done.out}{done.said}"
        assert "Traceback" not in done.said
        return done

    def greeted(self) -> str:
        """What alice reads in her direct messages."""
        return self.slack.person("U0ALICE").screen(None)


@pytest.fixture
async def newcomer(cluster: KubeCluster, sandbox: SandboxHandle, tmp_path: Path) -> AsyncIterator[Newcomer]:
    """The cluster and the Slack; the office's own policy is used by nobody."""
    home = tmp_path / "home"
    home.mkdir()
    async with (
        open_office(cluster, sandbox, tmp_path) as office,
        await LocalSlack.start(workspace(), rate_limits=False) as slack,
    ):
        office.policy_path.unlink()
        # A config that is named has to be there.
        (home / "config.yaml").write_text("# ours\nslack:\n  contexts: []   # all of them\n")
        yield Newcomer(office, slack, home)


async def test_from_nothing_to_hello_and_again_without_a_change(newcomer: Newcomer) -> None:
    """What it says at the end is true: the policy knows her, the cluster takes the bot for her, she has a message."""
    tokens, manifest = newcomer.home / "slack.env", newcomer.home / "manifest.json"
    files = ("--env-file", str(tokens), "--manifest", str(manifest))
    async with newcomer.office.with_rights("alice"):
        first = await newcomer.setup(*newcomer.alice, *files, "--command", "/ops", "--yes")
        assert first.code == 0, first.said
        policy = load_policy(newcomer.policy)
        assert policy.person_of(chat_user("alice").actor, "").name == "alice"
        assert policy.file.execute_as.people["alice"].user == newcomer.office.called("alice")
        assert policy.cluster(newcomer.office.admin.info.uid) is not None, "else it would count as production"
        assert newcomer.config.read_text() == (
            f"# ours\nslack:\n  contexts: []   # all of them\n  command: /ops\npolicy: {newcomer.policy}\n"
        )
        assert "Hello! The policy knows you as *alice* here." in newcomer.greeted()
        assert "/ops help" in newcomer.greeted()
        assert stat.S_IMODE(tokens.stat().st_mode) == 0o600
        assert yaml.safe_load(manifest.read_text())["features"]["slash_commands"][0]["command"] == "/ops"
        kept = [path.read_bytes() for path in (newcomer.policy, newcomer.config, tokens)]
        # The tokens come from the file now, and nobody has to say again who it is.
        again = await newcomer.setup("--user", "U0ALICE", *files, without=TOKENS)
    assert again.code == 0, again.said
    assert kept == [path.read_bytes() for path in (newcomer.policy, newcomer.config, tokens)]
    assert "written" not in again.said
    assert f". {tokens}" in again.out


async def test_each_answer_that_is_missing_is_named_by_its_option(newcomer: Newcomer) -> None:
    """In a pipeline nobody can be asked, and a guess at who somebody is would be one too many."""
    named = {
        option: newcomer.alice[at : at + 2] for at, option in enumerate(newcomer.alice) if option[0] == "-"
    }
    runs: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
        ("SLACK_BOT_TOKEN is not given", (), TOKENS),
        ("SLACK_APP_TOKEN is not given", (), ("SLACK_APP_TOKEN",)),
        ("SLACK_SIGNING_SECRET is not given", ("--http", "https://ops.example.com"), ()),
        ("--user is not given", (), ()),
        ("--person is not given", named["--user"], ()),
        ("--cluster-user is not given", (*named["--user"], *named["--person"]), ()),
        ("there is no terminal to ask at, so nothing was written", newcomer.alice, ()),
    ]
    for told, arguments, without in runs:
        done = await newcomer.setup(*arguments, without=without)
        assert (done.code, told in done.said) == (2, True), f"{told}: {done.said}"
    assert "https://api.slack.com/apps?new_app=1&manifest_json=" in (await newcomer.setup(without=TOKENS)).out
    assert not newcomer.policy.exists()


async def test_what_slack_refuses_is_named_and_never_shown(newcomer: Newcomer) -> None:
    """Whoever pastes the wrong one looks for it in the right place."""
    for environ, code, told in (
        ({"SLACK_BOT_TOKEN": "xoxb-hunter2"}, 6, "Slack refuses SLACK_BOT_TOKEN: invalid_auth"),
        ({"SLACK_BOT_TOKEN": "xapp-hunter2"}, 2, "SLACK_BOT_TOKEN begins with xoxb-; this is an app token"),
        ({"SLACK_APP_TOKEN": "xapp-hunter2"}, 6, "Slack refuses SLACK_APP_TOKEN: invalid_auth"),
        (
            {"SLACK_APP_TOKEN": "xoxp-hunter2"},
            2,
            "SLACK_APP_TOKEN begins with xapp-; this is a person's token",
        ),
        ({"SLACK_API_URL": "http://127.0.0.1:1/api/"}, 6, "Slack does not answer"),
    ):
        done = await newcomer.setup(environ=environ)
        assert (done.code, told in done.said) == (code, True), done.said
    newcomer.slack.workspace.app.app_token = "xapp-1-A0OTHER-1-x"
    other = await newcomer.setup()
    assert (other.code, "SLACK_APP_TOKEN is of another app" in other.said) == (6, True), other.said
    assert "hunter2" not in str(newcomer.slack.journal.calls)


async def test_a_missing_scope_is_told_with_what_it_costs_and_hides_nothing_else(newcomer: Newcomer) -> None:
    """The bot would fail weeks later, at the first long plan."""
    newcomer.slack.workspace.app.scopes -= {"files:write"}
    async with newcomer.office.with_rights("alice"):
        done = await newcomer.setup(*newcomer.alice, "--yes")
    assert done.code == 1
    assert "scope files:write is missing: long plans and whole lists do not come as files" in done.said
    assert "Reinstall to Workspace" in done.said
    assert "Hello!" in newcomer.greeted(), "the rest was done"


async def test_a_right_that_is_missing_comes_as_what_an_administrator_applies(newcomer: Newcomer) -> None:
    """And once it is there, the same command says so."""
    done = await newcomer.setup(*newcomer.alice, "--yes")
    assert done.code == 1
    role: dict[str, Any] = next(yaml.safe_load_all(done.out[done.out.index("apiVersion") :]))
    assert role["rules"][0]["verbs"] == ["impersonate"]
    assert role["rules"][0]["resourceNames"] == [newcomer.office.called("alice")]
    assert "may not act as alice" in done.said
    async with newcomer.office.with_rights("alice"):
        assert (await newcomer.setup("--user", "U0ALICE")).code == 0


async def test_a_policy_is_added_to_and_what_it_says_is_not_overwritten(newcomer: Newcomer) -> None:
    """A team's policy is reviewed; a tool that writes it anew makes the review worthless."""
    text = (
        "format: 1\npeople:\n  # on call\n  alice:\n    groups: [sre]\n"
        f"  bob: {{slack: [{{team: {TEAM}, user: U0BOB}}]}}\n"
        "\n# Who acts as whom.\nexecute_as: {people: {bob: {user: bob}}}\n"
    )
    theirs = newcomer.home / "team.yaml"
    theirs.write_text(text)
    theirs.chmod(0o640)
    person = ("--user", "U0ALICE", "--person", "alice", "--cluster-user", newcomer.office.called("alice"))
    async with newcomer.office.with_rights("alice"):
        done = await newcomer.setup(*person, "--yes", environ={"K8SOPS_POLICY": str(theirs)})
    assert done.code == 0, done.said
    after = theirs.read_text()
    assert f"    groups: [sre]\n    slack: [{{team: {TEAM}, user: U0ALICE}}]\n  bob:" in after
    assert (
        after.replace(f"    slack: [{{team: {TEAM}, user: U0ALICE}}]\n", "").replace(
            f", alice: {{user: {newcomer.office.called('alice')}}}", ""
        )
        == text
    )
    assert stat.S_IMODE(theirs.stat().st_mode) == 0o640
    assert newcomer.config.read_text() == "# ours\nslack:\n  contexts: []   # all of them\n"
    other = await newcomer.setup(
        "--user", "U0BOB", "--person", "alice", "--yes", environ={"K8SOPS_POLICY": str(theirs)}
    )
    assert (other.code, theirs.read_text()) == (2, after)
    assert "knows U0BOB as bob, not as alice" in other.said


async def interrupted(terminal: Terminal) -> None:
    """Press Ctrl-C as people do: once more where nothing comes of it.

    A signal between the interpreter's last look for one and its wait for a key is seen with the next.
    """
    async with asyncio.timeout(DEADLINE_S):
        while terminal.process.poll() is None:
            terminal.process.send_signal(signal.SIGINT)
            for _ in range(100):
                if terminal.process.poll() is not None:
                    return
                await asyncio.sleep(0.05)


async def test_at_a_terminal_a_wrong_answer_is_asked_for_again_and_ctrl_c_loses_nothing(
    newcomer: Newcomer,
) -> None:
    """Tokens are copied from three pages of a browser: the first one is often the wrong one."""
    tokens = newcomer.home / "slack.env"
    environ = {**newcomer.environ, "SLACK_BOT_TOKEN": "", "SLACK_APP_TOKEN": "", "K8SOPS_POLICY": ""}
    app = newcomer.slack.workspace.app
    answers = (
        ("Bot token", "xoxb-hunter2"),
        ("invalid_auth", ""),
        ("Bot token", app.bot_token),
        ("App token", app.app_token),
        ("Keep the tokens in a file", str(tokens)),
        ("Member id", "alice"),
        ("neither a member id nor", ""),
        ("Member id", "alice@example.com"),
        ("What is the policy to call them [alice]", "\n"),
        ("Their groups", "sre, oncall"),
        ("As whom do the clusters see alice", newcomer.office.called("alice")),
        ("In which groups there", "\n"),
    )
    terminal = Terminal(newcomer.office.config.kubeconfig[0], "default", "slack", "setup", **environ)
    try:
        for question, answer in answers:
            await terminal.until(question)
            terminal.seen = terminal.seen.partition(question)[2]
            if answer:
                terminal.type(f"{answer.strip()}\n")
        await terminal.until("Write this? [y/N]")
        await interrupted(terminal)
        assert await terminal.ended() == 130
    finally:
        terminal.close()
    assert "stopped; what was written stays" in terminal.seen
    assert not newcomer.policy.exists()
    assert "groups: [sre, oncall]" in terminal.seen
    async with newcomer.office.with_rights("alice"):
        done = await newcomer.setup(*newcomer.alice, "--env-file", str(tokens), "--yes", without=TOKENS)
    assert done.code == 0, done.said
