"""The terminal while it is lent to a session, on a pseudo-terminal: what is shown, what is sent, how it is left."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from io import FileIO

import pytest

from k8sops.tui.sessions.bare_terminal import BareTerminal

WITHIN_S = 60.0


class FarEnd:
    """A container that says two lines and hears what it is sent."""

    container = "app"
    exit_code = None

    def __init__(self, *, hears: bool, is_terminal: bool) -> None:
        self.hears, self.is_terminal = hears, is_terminal
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def output(self) -> AsyncGenerator[bytes, None]:
        yield b"one\ntwo\n"
        await asyncio.Event().wait()

    async def send(self, data: bytes) -> None:
        self.heard.put_nowait(data)

    async def resize(self, columns: int, rows: int) -> None:
        """Nothing depends on it."""


class Reader:
    """Who sits before the terminal."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._seen = b""

    async def sees(self, text: bytes) -> None:
        """Wait until it stands there."""
        async with asyncio.timeout(WITHIN_S):
            while text not in self._seen:
                self._seen += await asyncio.to_thread(os.read, self._master, 4096)

    def types(self, keys: bytes) -> None:
        os.write(self._master, keys)


@asynccontextmanager
async def _lent(
    far: FarEnd, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Reader, asyncio.Task[object]]]:
    master, slave = os.openpty()
    with FileIO(slave, "r+") as end:
        monkeypatch.setattr(sys, "__stdin__", end)
        monkeypatch.setattr(sys, "__stdout__", end)
        before = termios.tcgetattr(slave)
        joined = asyncio.create_task(BareTerminal().join(far))
        yield Reader(master), joined
        async with asyncio.timeout(WITHIN_S):
            assert await joined is None
        assert termios.tcgetattr(slave) == before, "the screen comes back to the terminal that it left"
    os.close(master)


async def test_lines_of_a_container_without_a_terminal_begin_at_the_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its log lines end in a line feed alone, which on a raw terminal makes a staircase of them."""
    far = FarEnd(hears=False, is_terminal=False)
    async with _lent(far, monkeypatch) as (reader, _):
        await reader.sees(b"one\r\ntwo\r\n")
        reader.types(b"q")
    assert far.heard.empty()


async def test_what_hears_but_is_no_terminal_gets_whole_lines_that_one_sees(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It echoes nothing and knows no Backspace, and its lines end in a line feed, not in Enter's carriage return."""
    far = FarEnd(hears=True, is_terminal=False)
    async with _lent(far, monkeypatch) as (reader, _):
        await reader.sees(b"two\r\n")
        reader.types(b"helo\x7flo\r")
        await reader.sees(b"lo\r\n")
        async with asyncio.timeout(WITHIN_S):
            assert await far.heard.get() == b"hello\n"
        reader.types(b"more\x03")
    assert far.heard.empty(), "what was begun and broken off is not sent"


async def test_a_terminal_at_the_far_end_gets_every_key_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor there draws by itself: nothing of ours may change what it says or hears."""
    far = FarEnd(hears=True, is_terminal=True)
    async with _lent(far, monkeypatch) as (reader, _):
        await reader.sees(b"one\ntwo\n")
        reader.types(b"\x03\r")
        async with asyncio.timeout(WITHIN_S):
            assert await far.heard.get() == b"\x03\r"
        reader.types(b"\r~.")
