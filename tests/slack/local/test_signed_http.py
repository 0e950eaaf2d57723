"""Signed HTTP: the challenge, retries with their headers, plain-text answers, and `X-Slack-No-Retry`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from slack_sdk.signature import SignatureVerifier

from k8sops_local_slack import LocalSlack, Person, PlayedTime
from k8sops_local_slack.delivery.signed_http import sign
from tests.slack.local.support import OPS, soon


class Endpoint:
    """A request URL that answers what the test says."""

    def __init__(self) -> None:
        self.answers: list[web.Response] = []
        self.seen: list[tuple[dict[str, str], bytes]] = []

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.seen.append((dict(request.headers), body))
        if b"url_verification" in body:
            return web.json_response({"challenge": (await request.json())["challenge"]})
        return self.answers.pop(0) if self.answers else web.Response()


@pytest.fixture
async def endpoint(slack: LocalSlack) -> AsyncIterator[Endpoint]:
    point = Endpoint()
    application = web.Application()
    application.router.add_post("/", point.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await slack.deliver_over_http(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    yield point
    await runner.cleanup()


def test_the_signature_is_slacks() -> None:
    """Checked against the SDK's own verifier."""
    verifier = SignatureVerifier("secret")
    assert verifier.generate_signature(timestamp="1", body=b"a=b") == sign("secret", 1, b"a=b")


async def test_an_address_that_does_not_answer_the_challenge_is_not_taken(slack: LocalSlack) -> None:
    """Slack does not save such a request URL; delivery stays as it was."""
    before = slack.world.outbox.carrier
    with pytest.raises(ConnectionError, match="challenge"):
        await slack.deliver_over_http(f"{slack.address}/api/nothing")
    assert slack.world.outbox.carrier is before


async def test_a_command_may_be_answered_in_plain_text(endpoint: Endpoint, alice: Person) -> None:
    """The body of the 200 is the answer; it comes as a form, signed."""
    endpoint.answers = [web.Response(text="all well")]
    assert (await alice.slash("/k8s status", OPS)).acked
    assert "all well" in alice.screen(OPS)
    headers, body = endpoint.seen[-1]
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert b"command=%2Fk8s&text=status" in body


async def test_a_failed_event_comes_again_with_its_number_and_reason(
    clock: PlayedTime, endpoint: Endpoint, alice: Person
) -> None:
    """At once, after a minute, after five; then Slack gives up."""
    endpoint.answers = [web.Response(status=500) for _ in range(4)]
    sent = await alice.mention(OPS, "status", wait=False)
    assert sent is not None
    for number, wait in enumerate((0, 60, 300), start=1):
        await soon(lambda number=number: sent.attempts == number and not sent.in_time)  # type: ignore[misc]
        clock.advance(wait)
    await soon(lambda: sent.state == "failed")
    numbers = [headers.get("X-Slack-Retry-Num") for headers, _ in endpoint.seen[1:]]
    assert numbers == [None, "1", "2", "3"]
    assert endpoint.seen[-1][0]["X-Slack-Retry-Reason"] == "http_error"
    assert sent.state == "failed"


async def test_an_app_may_ask_for_no_retry(clock: PlayedTime, endpoint: Endpoint, alice: Person) -> None:
    """The header ends it after the first attempt."""
    endpoint.answers = [web.Response(status=500, headers={"X-Slack-No-Retry": "1"})]
    sent = await alice.mention(OPS, "status")
    clock.advance(1000)
    assert sent is not None
    assert (sent.state, sent.attempts) == ("failed", 1)
