"""A log bundle asked for in Slack, on a real cluster: collected as who asked, handed over to them, without secrets."""

from __future__ import annotations

import io
import tarfile
from typing import Final

import zstandard

from tests.service.chat.office import USERS
from tests.slack.flows.conftest import OPS, Desk
from tests.support.persons import granted, rule

SECRET: Final = "pLanted4-" + "hunter2"
READS: Final = (
    rule("*", "*", "get", "list"),
    rule("", "pods/log", "get"),
)


def unpacked(archive: bytes) -> dict[str, bytes]:
    """The files of a bundle, by their paths below its folder."""
    with (
        zstandard.ZstdDecompressor().stream_reader(io.BytesIO(archive)) as plain,
        tarfile.open(fileobj=plain, mode="r|") as tar,
    ):
        found = {}
        for member in tar:
            content = tar.extractfile(member)
            if content is not None:
                found[member.name.partition("/")[2]] = content.read()
        return found


async def test_a_bundle_asked_for_in_slack_comes_by_direct_message_without_secrets(free_desk: Desk) -> None:
    """On call, on a phone: the lines of the incident, in a file one may forward."""
    desk = free_desk
    password = {"name": "DB_PASSWORD", "value": SECRET}
    container = {"name": "web", "image": "registry.example/web:1", "env": [password]}
    await desk.web(1, containers=[container])
    alice = desk.person("alice")
    admin, alice_there = desk.office.admin, desk.office.called("alice")
    # Whoever carries a run plans it again under its own name.
    async with granted(admin, alice_there, *READS), granted(admin, desk.office.bot_name, *READS):
        line = f"/k8s logs collect deployment/web -n {desk.namespace} --include-sources logs,objects"
        await alice.slash(line, OPS)
        await alice.click(await desk.message(OPS, "Apply"), "run.apply")
        await desk.shown("bob", OPS, "was sent to @alice directly")
    (message,) = [one for one in desk.slack.messages(desk.direct("alice")) if one.files]
    files = unpacked(desk.slack.world.files.get(message.files[0]).content or b"")
    assert {"index.json", "timeline.html"} <= set(files)
    objects = b"".join(content for path, content in files.items() if path.endswith(".yaml"))
    assert b"DB_PASSWORD" in objects
    assert all(SECRET.encode() not in content for content in files.values())
    assert [one for one in desk.slack.messages(OPS) if one.files] == []
    assert USERS["alice"] in str(desk.slack.messages(OPS))
