"""Logging in by hand: the screen steps aside, the credential plugin asks on the bare terminal, and the screen is back.

What the screen shows goes on being read meanwhile; only nothing of it is drawn. The row under the cursor stays.
"""

from __future__ import annotations

import sys

from textual.app import App, SuspendNotSupported

from k8sops.core.contexts import Contexts
from k8sops.core.errors import K8sOpsError
from k8sops.tui.running.words import sentence_of
from k8sops.tui.session import Session


async def sign_in(app: App[int], connection: Session, contexts: Contexts | None) -> bool:
    """Run the plugin of the context that was refused, else of the one in use; whether there are new credentials."""
    refused = connection.refused
    if refused is None and not connection.connected:
        app.notify("There is no context to log in to yet.", title="Log in", markup=False)
        return False
    if refused is not None and contexts is None:
        app.notify(
            "Log in with the tool that wrote the kubeconfig, then Ctrl-R.", title="Log in", markup=False
        )
        return False
    try:
        with app.suspend():
            sys.stdout.write(
                "\nThe credential plugin asks here; Ctrl-C gives up and goes back to the screen.\n\n"
            )
            sys.stdout.flush()
            failure = await _asked(connection, contexts)
    except SuspendNotSupported:
        app.notify("This terminal cannot be handed over.", title="Log in", markup=False)
        return False
    if failure is not None:
        app.notify(sentence_of(failure), title="Not logged in", severity="error", markup=False, timeout=20)
        return False
    if refused is not None:
        connection.connect(refused)
    return True


async def _asked(connection: Session, contexts: Contexts | None) -> K8sOpsError | None:
    try:
        if connection.refused is not None and contexts is not None:
            await contexts.sign_in(connection.refused)
        else:
            await connection.ops.sign_in()
    except K8sOpsError as error:
        return error
    return None
