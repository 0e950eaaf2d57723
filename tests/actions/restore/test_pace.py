"""How many requests go out at once follows what the API server says to them."""

from __future__ import annotations

import asyncio

import pytest

from k8sops.actions.backups.restoring.pace import Pace
from k8sops.core.errors import TooManyRequestsError
from tests.backup.clock import HandClock


class Server:
    """Takes so many requests at once and says 429 to more."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.going = 0
        self.most = 0
        self.served = 0
        self.refused = 0

    async def request(self) -> int:
        """One of them."""
        if self.going >= self.room:
            self.refused += 1
            raise TooManyRequestsError("too many", retry_after=1.0)
        self.going += 1
        self.most = max(self.most, self.going)
        await asyncio.sleep(0)
        self.going -= 1
        self.served += 1
        return self.served


async def test_a_server_that_says_429_gets_fewer_at_once_and_everything_arrives() -> None:
    """Nothing is lost, and the limit comes down to what it takes."""
    server, pace = Server(room=3), Pace(HandClock(), most=16)

    async def one(_: int) -> None:
        await pace.send(server.request)

    await pace.each(range(200), one)
    assert server.served == 200
    assert pace.throttled == server.refused > 0
    assert pace.limit < 16


async def test_the_limit_grows_again_while_the_server_answers() -> None:
    """One 429 is no reason to be slow for the rest of ten thousand objects."""
    server, pace = Server(room=0), Pace(HandClock(), most=8)

    async def once_refused() -> int:
        if server.refused:
            server.room = 100
        return await server.request()

    await pace.send(once_refused)
    assert pace.limit < 8

    async def one(_: int) -> None:
        await pace.send(server.request)

    await pace.each(range(100), one)
    assert pace.limit == 8


async def test_patience_ends() -> None:
    """A server that never takes anything ends the restore with its own words."""
    server, pace = Server(room=0), Pace(HandClock(), patience_s=5.0)
    with pytest.raises(TooManyRequestsError):
        await pace.send(server.request)
    assert server.refused > 1


async def test_what_fails_otherwise_is_raised_at_once() -> None:
    """Only 429 is a matter of pace, and a failed request gives its turn back."""
    pace = Pace(HandClock(), most=1)

    async def broken() -> None:
        raise ValueError("broken")

    async def fine() -> int:
        return 1

    for _ in range(3):
        with pytest.raises(ValueError, match="broken"):
            await pace.send(broken)
    assert await pace.send(fine) == 1
