"""The terminal is a shared thing: however the program ends or pauses, it must be left as it was found."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.tui.pty_desk import HAPPEN
from tests.tui.pty_terminal import PtyTerminal, children_of, desk_command, running
from tests.tui.scenes import SECRET_TEXT

INTERRUPTED = 130
NOWHERE = """
apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: nowhere, user: somebody}}]
clusters: [{name: nowhere, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: somebody, user: {token: made-up}}]
"""


class Start(Protocol):
    """Starts a program on a terminal."""

    def __call__(self, *command: str) -> PtyTerminal: ...


@pytest.fixture
def at_terminal() -> Iterator[Start]:
    """Programs on terminals, ended with the test."""
    opened: list[PtyTerminal] = []

    def start(*command: str) -> PtyTerminal:
        opened.append(PtyTerminal(command, environ={"HISTFILE": ""}))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


@pytest.fixture
async def desk(at_terminal: Start) -> PtyTerminal:
    """The screen, with its rows on it."""
    terminal = at_terminal(*desk_command())
    await terminal.sees("cart-redis-0")
    return terminal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_signal_ends_the_program_and_gives_the_terminal_back(
    desk: PtyTerminal, number: signal.Signals
) -> None:
    """Else a shell without echo on the alternate screen is what remains."""
    assert desk.unrestored()
    desk.process.send_signal(number)
    assert await desk.ended() == INTERRUPTED
    assert desk.unrestored() == []
    assert number is signal.SIGHUP or f"ended by {number.name}" in desk.text


async def test_the_exit_code_is_the_same_where_no_command_was_said(
    at_terminal: Start, tmp_path: Path
) -> None:
    """`k8sops` alone is how most people start it, and a script around it has to see that it was ended."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(NOWHERE)
    terminal = at_terminal(sys.executable, "-m", "k8sops", "--kubeconfig", str(kubeconfig))
    await terminal.sees("pods")
    terminal.process.send_signal(signal.SIGTERM)
    assert await terminal.ended() == INTERRUPTED
    assert terminal.unrestored() == []


async def test_a_window_that_is_closed_takes_the_program_with_it(desk: PtyTerminal) -> None:
    """A program that nobody sees must not go on with somebody's rights."""
    desk.hang_up()
    assert await desk.ended() in {INTERRUPTED, -signal.SIGHUP}


async def test_q_leaves_no_process_behind(desk: PtyTerminal) -> None:
    """Only a worker that was asked for may outlive the screen."""
    pid = desk.process.pid
    started = children_of(pid)
    desk.type("q")
    assert await desk.ended() == 0
    assert desk.unrestored() == []
    await desk.until(lambda: not running(started))


async def test_an_error_nobody_foresaw_ends_in_one_sentence_on_a_sound_terminal(at_terminal: Start) -> None:
    """A trace with the values of variables would show what must not be shown."""
    terminal = at_terminal(*desk_command("fails"))
    await terminal.sees("cart-redis-0")
    terminal.process.send_signal(HAPPEN)
    assert await terminal.ended() == 1
    assert terminal.unrestored() == []
    assert "error: a defect of this program: RuntimeError: nobody foresaw this" in terminal.text
    assert "Traceback" not in terminal.text
    assert SECRET_TEXT not in terminal.text


async def test_a_second_signal_does_not_wait_for_a_program_that_is_stuck(at_terminal: Start) -> None:
    """Whoever asks twice means it; the terminal is given back all the same."""
    terminal = at_terminal(*desk_command("stuck"))
    await terminal.sees("cart-redis-0")
    terminal.process.send_signal(HAPPEN)
    terminal.process.send_signal(signal.SIGTERM)
    await _again(terminal, lambda: terminal.process.poll() is not None)
    assert terminal.process.returncode in {-signal.SIGTERM, INTERRUPTED}
    assert terminal.unrestored() == []


async def test_ctrl_z_gives_the_shell_its_terminal_and_fg_the_screen(at_terminal: Start) -> None:
    """In tables Ctrl-Z is k9s's; elsewhere, and by `kill -TSTP`, it is every program's."""
    shell = shutil.which("bash")
    assert shell is not None
    terminal = at_terminal(shell, "--norc", "--noprofile", "-i")
    terminal.type("PS1='sh> '; " + " ".join(desk_command()) + "\n")
    await terminal.sees("cart-redis-0")
    terminal.type("y")
    place = await terminal.sees("managedFields")
    terminal.type("\x1a")
    place = await terminal.sees("Stopped", place)
    await terminal.until(lambda: all(state in b"lh" for state in terminal.modes().values()))
    assert terminal.modes()[b"1049"] == b"l"
    terminal.type("echo still-$((1 + 1))-here\n")
    place = await terminal.sees("still-2-here", place)
    terminal.type("fg\n")
    place = await terminal.sees("managedFields", place)
    assert terminal.modes()[b"1049"] == b"h"
    terminal.type("\x1b")
    place = await terminal.sees("cart-redis-0", place)
    terminal.type("q")
    place = await terminal.sees("sh> ", place)
    assert terminal.modes()[b"1049"] == b"l"
    terminal.type("exit\n")
    assert await terminal.ended() == 0


async def _again(terminal: PtyTerminal, ended: Callable[[], bool]) -> None:
    """Signal until it has ended: the first may have come before there was anything to be stuck in."""

    def asked() -> bool:
        if not ended():
            terminal.process.send_signal(signal.SIGTERM)
        return ended()

    await terminal.until(asked)
    terminal.pump()
