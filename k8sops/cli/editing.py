"""`k8sops edit KIND/NAME` without --patch: the object in the user's own editor, as kubectl has it.

What was changed becomes the patch of the ordinary flow. A text that is no such object any more is opened again, with
what is wrong at its top.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.cli.apply_flow import Flow, apply_flow
from k8sops.cli.asking import at_terminal
from k8sops.cli.console import say
from k8sops.core.errors import ConflictError, ExitCode, UsageError
from k8sops.core.object_names import object_named
from k8sops.core.text import printable
from k8sops.service import open_ops
from k8sops.service.editor import USUAL, edited, editor_named
from k8sops.service.manifest_text import check_editable, editable, moved_since, patch_of, text_of

if TYPE_CHECKING:
    from k8sops.core.ops import Ops
    from k8sops.core.plan import JsonObject
    from k8sops.service.config import Config

ABOUT: Final = (
    "# What you change below becomes a plan, which is shown before anything is done.\n"
    "# Leave it unchanged, or empty, and nothing is. Lines with # are not part of it.\n"
)
NOTHING: Final = "nothing edited"


async def edit_flow(config: Config, flow: Flow) -> ExitCode:
    """Have one object edited, then run the flow on what was changed. Raises UsageError where nobody can edit."""
    if not at_terminal():
        raise UsageError("there is no terminal to edit at", hint="say what to change with --patch JSON")
    targets = tuple(flow.params.get("targets") or ())
    named = object_named(targets[0]) if len(targets) == 1 and not flow.params.get("selector") else None
    if named is None:
        raise UsageError(
            "one object is edited as text at a time: name it as KIND/NAME",
            hint="--patch changes several at once",
        )
    async with open_ops(config) as ops:
        patch = await _patch(ops, named.kind, named.name, named.namespace or config.namespace)
    if not patch:
        say(NOTHING)
        return ExitCode.DONE
    text = msgspec.json.encode(patch).decode()
    return await apply_flow(config, replace(flow, params={**flow.params, "patch": text}))


async def _patch(ops: Ops, kind: str, name: str, namespace: str) -> JsonObject:
    """What was changed; empty where nothing was. Raises ConflictError where somebody else changed the same."""
    found = await ops.object(kind, name, namespace)
    check_editable(found)
    original = editable(found)
    command, given, wrong = editor_named() or USUAL, text_of(original), ""
    while True:
        told = "".join(f"# {line}\n" for line in ("", f"✗ {printable(wrong)}", "")) if wrong else ""
        typed = _without_comments(await asyncio.to_thread(edited, command, ABOUT + told + given))
        if not typed.strip() or typed == given:
            # Unchanged after a mistake, too: whoever leaves it so has given up.
            return {}
        given = typed
        try:
            patch = patch_of(typed, original)
        except UsageError as error:
            wrong = f"{error.message}{f' ({error.hint})' if error.hint else ''}"
            continue
        now = await ops.object(kind, name, namespace) if patch else found
        if moved := moved_since(original, now, patch):
            raise ConflictError(
                f"{kind}/{name} was changed meanwhile in what you edited: {'; '.join(moved)}",
                hint="edit it again, as it is now",
            )
        return patch


def _without_comments(text: str) -> str:
    """The text without the comments at its top: they are ours."""
    lines = text.split("\n")
    first = next((at for at, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "\n".join(lines[first:])
