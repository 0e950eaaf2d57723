"""What Slack's no means: asked again later, or never."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from k8sops_slack.refused import is_final, word_of


def _error(word: str, status: int = 200) -> SlackApiError:
    answer = AsyncSlackResponse(
        client=AsyncWebClient(), http_verb="POST", api_url="chat.update", req_args={},
        data={"ok": False, "error": word}, headers={}, status_code=status,
    )  # fmt: skip
    return SlackApiError("no", answer)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("word", "status", "final"),
    [
        ("channel_not_found", 200, True),
        ("ratelimited", 429, False),
        ("internal_error", 200, False),
        ("x", 503, False),
    ],
)
def test_what_would_be_refused_again_is_not_asked_again(word: str, status: int, final: bool) -> None:
    """A message kept for a channel that is gone would be tried for ever; one that met a busy Slack must not be lost."""
    assert is_final(_error(word, status)) is final
    assert word_of(_error(word, status)) == word


async def test_an_answer_that_is_not_slacks_is_no_answer() -> None:
    """A proxy's page: there is no word in it, and it may be another one next time."""

    async def away(request: web.Request) -> web.Response:
        return web.Response(status=503, text="<h1>away</h1>", content_type="text/html")

    app = web.Application()
    app.router.add_post("/{method}", away)
    async with TestServer(app) as server:
        client = AsyncWebClient("xoxb-made-up", base_url=str(server.make_url("/")))
        with pytest.raises(SlackApiError) as refused:
            await client.chat_postMessage(channel="C1", text="hello")
    assert not is_final(refused.value)
    assert word_of(refused.value) == "an answer that is not Slack's"
