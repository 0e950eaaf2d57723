"""The upload flow: an address, the bytes, the completion; and who may read a file afterwards."""

from __future__ import annotations

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from k8sops_local_slack import LocalSlack, NotVisible, Person
from tests.slack.local.support import OPS, refused


async def test_the_sdk_uploads_into_a_thread(
    slack: LocalSlack, client: AsyncWebClient, alice: Person, bob: Person
) -> None:
    """A long plan goes under its card; who is in the channel can open it."""
    slack.workspace.app.scopes |= {"files:read"}
    card = await client.chat_postMessage(channel=OPS, text="card")
    await client.files_upload_v2(
        channel=OPS, thread_ts=card["ts"], filename="plan.txt", title="The plan", content="300 steps"
    )
    (file,) = slack.files()
    assert slack.messages(OPS)[1].thread_ts == card["ts"]
    assert "    ↳ k8sops\n        [file: The plan]" in alice.screen(OPS)
    assert bob.download(file.id) == b"300 steps"


async def test_a_file_that_is_shown_nowhere_is_nobodys(
    slack: LocalSlack, client: AsyncWebClient, alice: Person
) -> None:
    """Completed without a channel it stays private to the app."""
    slack.workspace.app.scopes |= {"files:read"}
    await client.files_upload_v2(filename="plan.txt", content="300 steps")
    with pytest.raises(NotVisible):
        alice.download(slack.files()[0].id)


async def test_bytes_must_be_as_many_as_announced(slack: LocalSlack, client: AsyncWebClient) -> None:
    """The length is counted in bytes, not characters."""
    announced = await client.files_getUploadURLExternal(filename="plan.txt", length=len("größer"))
    async with aiohttp.ClientSession() as session:
        async with session.post(announced["upload_url"], data="größer".encode()) as response:
            assert response.status == 400
        announced = await client.files_getUploadURLExternal(filename="plan.txt", length=8)
        async with session.post(announced["upload_url"], data="größer".encode()) as response:
            assert await response.text() == "OK - 8"
    assert [call.error for call in slack.journal.of("upload")] == ["file_size_mismatch", None]


async def test_bytes_may_come_as_a_form(slack: LocalSlack, client: AsyncWebClient) -> None:
    """The JavaScript SDK, and curl as Slack's pages show it, send the file as a part of a form."""
    announced = await client.files_getUploadURLExternal(filename="plan.txt", length=9)
    form = aiohttp.FormData()
    form.add_field("filename", b"300 steps", filename="plan.txt")
    async with (
        aiohttp.ClientSession() as session,
        session.post(announced["upload_url"], data=form) as response,
    ):
        assert await response.text() == "OK - 9"


async def test_an_upload_without_bytes_cannot_be_completed(client: AsyncWebClient) -> None:
    """Nor one that does not exist, nor into a channel the app is not in."""
    announced = await client.files_getUploadURLExternal(filename="plan.txt", length=3)
    mine = [{"id": announced["file_id"], "title": "x"}]
    assert await refused(client.files_completeUploadExternal(files=mine, channel_id=OPS)) == "file_not_found"
    missing = client.files_completeUploadExternal(files=[{"id": "F0NONE", "title": "x"}])
    assert await refused(missing) == "file_not_found"
    assert (
        await refused(client.files_completeUploadExternal(files=mine, channel_id="C0OTHER"))
        == "not_in_channel"
    )
    assert await refused(client.files_getUploadURLExternal(filename="x", length=0)) == "invalid_arguments"


async def test_downloads_need_the_token_and_its_scope(slack: LocalSlack, client: AsyncWebClient) -> None:
    """An address alone opens nothing."""
    slack.workspace.app.scopes |= {"files:read"}
    await client.files_upload_v2(channel=OPS, filename="plan.txt", content="300 steps")
    info = await client.files_info(file=slack.files()[0].id)
    url, token = info["file"]["url_private"], {"Authorization": f"Bearer {slack.workspace.app.bot_token}"}
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            assert response.status == 403
        async with session.get(url, headers=token) as response:
            assert await response.read() == b"300 steps"
        slack.workspace.app.scopes -= {"files:read"}
        async with session.get(url, headers=token) as response:
            assert response.status == 403
