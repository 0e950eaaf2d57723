"""How a session begins from a screen: what policy still wants is asked for, refusals are said, the terminal is lent.

Runs as the application's worker: leaving the table a session was begun from does not end it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import msgspec
from textual.app import App, SuspendNotSupported
from textual.worker import get_current_worker

from k8sops.core.actor import Actor
from k8sops.core.errors import ConfirmationError, DeniedError, K8sOpsError
from k8sops.core.ops import Ops
from k8sops.core.sessions import REASON, YES, Consent, SessionWanted, Terminal
from k8sops.core.text import counted, printable
from k8sops.tui.acting.asked_first import refusal
from k8sops.tui.browse_words import sentence
from k8sops.tui.running.actor import actor_at_screen
from k8sops.tui.running.asking import AskScreen, Choice
from k8sops.tui.sessions.bare_terminal import BareTerminal
from k8sops.tui.sessions.choosing import ChooseScreen, Files, FilesScreen, Ports, PortScreen
from k8sops.tui.sessions.opening_screen import OpeningScreen

T = TypeVar("T")
MOST_ASKED = 3
ERROR_S = 20.0

Begin = Callable[[Actor, Consent], Awaitable[T]]


class SessionBeginner:
    """Begins sessions on one service, from one application."""

    def __init__(self, app: App[Any], ops: Ops) -> None:
        self._app = app
        self._ops = ops

    async def on_terminal(self, wanted: SessionWanted, opening: OpeningScreen) -> None:
        """A shell, an attachment, a debug container: until it ends. `opening` stands meanwhile."""
        opening.on_give_up = get_current_worker().cancel
        try:
            await self._told(self._terminal(wanted), opening.refuse)
        finally:
            if not opening.is_refused:
                opening.close()

    async def on_port(self, wanted: SessionWanted) -> None:
        """Ask for the ports, and forward."""
        await self._told(self._port(wanted))

    async def on_files(self, wanted: SessionWanted) -> None:
        """Ask what to copy, and copy."""
        await self._told(self._files(wanted))

    async def _told(self, work: Awaitable[None], refuse: Callable[[str], object] | None = None) -> None:
        refuse = refuse or partial(self._say, failed=True)
        try:
            await work
        except SuspendNotSupported:
            refuse("This terminal cannot be handed over.")
        except K8sOpsError as error:
            refuse(sentence(error))
        except Exception as error:  # noqa: BLE001 - worker boundary: a task's failure must reach the screen
            refuse(f"It failed unexpectedly: {type(error).__name__}: {error}")

    async def _terminal(self, wanted: SessionWanted) -> None:
        if wanted.kind != "debug" and not wanted.container:
            chosen = await self._container(wanted)
            if chosen is None:
                return
            wanted = msgspec.structs.replace(wanted, container=chosen)
        await self._consented(wanted, lambda actor, consent: self._lent(wanted, actor, consent))

    async def _port(self, wanted: SessionWanted) -> None:
        await self._check(wanted)
        ports = await self._ops.sessions.ports(wanted)
        asked = await self._app.push_screen_wait(PortScreen(_where(wanted), ports))
        if not isinstance(asked, Ports):
            return
        wanted = msgspec.structs.replace(wanted, port=asked.remote, local_port=asked.local)
        begun = await self._consented(
            wanted, lambda actor, consent: self._ops.sessions.forward(wanted, actor, consent)
        )
        if begun is not None:
            self._say(
                f"127.0.0.1:{begun.local_port} leads to port {wanted.port} of {begun.pod}. :pf lists and stops."
            )

    async def _files(self, wanted: SessionWanted) -> None:
        await self._check(wanted)
        asked = await self._app.push_screen_wait(FilesScreen(_where(wanted)))
        if not isinstance(asked, Files):
            return
        wanted = msgspec.structs.replace(
            wanted, direction=asked.direction, path=asked.path, local=asked.local
        )
        self._say(f"Copying {asked.path} …")
        done = await self._consented(
            wanted, lambda actor, consent: self._ops.sessions.copy(wanted, actor, consent)
        )
        if done is not None:
            self._say(f"{counted(done.files, 'file')}, {done.bytes:,} bytes copied to {done.where}")

    async def _check(self, wanted: SessionWanted) -> None:
        """Before a form is filled in. Raises DeniedError where it would be in vain."""
        # Of a workload, the pod that policy decides about is not known yet.
        name = wanted.name if wanted.of == "pods" else ""
        if why := await refusal(self._ops, f"session.{wanted.kind}", wanted.of, wanted.namespace, name):
            raise DeniedError(f"{wanted.said[:1].upper()}{wanted.said[1:]}: {why}")

    async def _consented(self, wanted: SessionWanted, begin: Begin[T]) -> T | None:
        """Begin; what policy still wants is asked for, and tried again. None where nobody answers."""
        actor, consent = await actor_at_screen(self._ops), Consent()
        for _ in range(MOST_ASKED):
            try:
                return await begin(actor, consent)
            except ConfirmationError as error:
                if (given := await self._asked(wanted, consent, error)) is None:
                    return None
                consent = given
        return await begin(actor, consent)

    async def _asked(
        self, wanted: SessionWanted, consent: Consent, error: ConfirmationError
    ) -> Consent | None:
        choices = (Choice("y", "Begin"), Choice("n", "Cancel"))
        title, question = wanted.said.capitalize(), error.message
        if error.hint == REASON:
            screen = AskScreen(title, question, choices, prompt="reason", required=True)
        elif error.hint == YES:
            # Careful: whoever types on, taking the shell for open, must not say yes by a slip.
            screen = AskScreen(title, question, choices, careful=True)
        else:
            screen = AskScreen(title, question, choices, prompt=f"type {error.hint}", must_be=error.hint)
        answer = await self._app.push_screen_wait(screen)
        if answer is None:
            return None
        field = {REASON: "reason", YES: "confirmed"}.get(error.hint, "typed_name")
        given: dict[str, Any] = {field: answer.text} if field != "confirmed" else {}
        # Whoever answers one question has said yes as well.
        return msgspec.structs.replace(consent, confirmed=True, **given)

    async def _lent(self, wanted: SessionWanted, actor: Actor, consent: Consent) -> bool:
        async with self._ops.sessions.terminal(wanted, actor, consent) as terminal:
            with self._app.suspend():
                bare = BareTerminal()
                how = _way_out(terminal)
                bare.say(
                    printable(
                        f"{wanted.said.capitalize()}, container {terminal.container}. On record; {how}."
                    )
                )
                error = await bare.join(terminal)
            code = terminal.exit_code
        if error is not None:
            self._say(sentence(error), failed=True)
        elif code:
            self._say(f"{wanted.said.capitalize()} ended with exit code {code}.")
        return True

    async def _container(self, wanted: SessionWanted) -> str | None:
        names = await self._ops.sessions.containers(wanted)
        if len(names) < 2:
            # One that does not run is refused by the service, which knows why.
            return names[0] if names else ""
        return await self._app.push_screen_wait(ChooseScreen(f"Container of {wanted.name}", names))

    def _say(self, said: str, *, failed: bool = False) -> None:
        severity: Any = "error" if failed else "information"
        self._app.notify(
            said, title="Session", severity=severity, markup=False, timeout=ERROR_S if failed else 8
        )


def _where(wanted: SessionWanted) -> str:
    return f"{wanted.namespace}/{wanted.name}"


def _way_out(terminal: Terminal) -> str:
    if not terminal.hears:
        return "it hears nothing; Ctrl-C or q leaves it"
    return "Enter ~ . leaves it" if terminal.is_terminal else "it hears lines; Ctrl-C leaves it"
