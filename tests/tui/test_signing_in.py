"""A credential plugin that wants to ask: the screen says so in its words, steps aside, and comes back to work."""

from __future__ import annotations

import base64
import json
import stat
import sys
from pathlib import Path

import yaml

from tests.tui.pty_terminal import PtyTerminal

_PLUGIN = """\
#!{python} -IS
import json, os, sys
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
if not info["spec"]["interactive"]:
    sys.exit("your login has ended; a password is needed")
sys.stderr.write("Password for the corporate directory: ")
sys.stderr.flush()
if sys.stdin.readline().strip() != "open sesame":
    sys.exit("that is not the password")
print(open({answer!r}).read())
"""


def _kubeconfig_with_plugin(kubeconfig: Path, folder: Path) -> Path:
    """The same cluster, its user's certificate only to be had from a plugin that asks, and keeps nothing itself."""
    document = yaml.safe_load(kubeconfig.read_text())
    user = document["users"][0]["user"]
    answer = folder / "answer.json"
    api = "client.authentication.k8s.io/v1"
    held = {f"client{what}Data": _text_of(user, f"client-{name}") for what, name in _HALVES.items()}
    answer.write_text(json.dumps({"apiVersion": api, "kind": "ExecCredential", "status": held}))
    plugin = folder / "corporate-login"
    plugin.write_text(_PLUGIN.format(python=sys.executable, answer=str(answer)))
    plugin.chmod(stat.S_IRWXU)
    spec = {"command": str(plugin), "apiVersion": api, "interactiveMode": "IfAvailable"}
    document["users"][0]["user"] = {"exec": spec}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


_HALVES = {"Certificate": "certificate", "Key": "key"}


def _text_of(user: dict[str, str], name: str) -> str:
    if name in user:
        return Path(user[name]).read_text()
    return base64.b64decode(user[f"{name}-data"]).decode()


async def test_a_plugin_that_asks_gets_the_bare_terminal_and_the_screen_comes_back(
    kubeconfig: Path, tmp_path: Path
) -> None:
    """k9s locks up there (its issue 1148); whoever's login ends at night must get in again by the same door."""
    path = _kubeconfig_with_plugin(kubeconfig, tmp_path)
    command = [sys.executable, "-m", "k8sops", "--kubeconfig", str(path), "tui", "namespaces"]
    terminal = PtyTerminal(command, environ={"XDG_DATA_HOME": str(tmp_path)}, columns=160)
    try:
        await terminal.sees("password")
        place = await terminal.sees("Ctrl-L")
        terminal.type("\x0c")
        place = await terminal.sees("Password for the corporate directory: ", place)
        assert terminal.modes()[b"1049"] == b"l"
        terminal.type("wrong\n")
        place = await terminal.sees("Not logged in", place)
        assert terminal.modes()[b"1049"] == b"h"
        terminal.type("\x0c")
        place = await terminal.sees("Password for the corporate directory: ", place)
        terminal.type("open sesame\n")
        await terminal.sees("kube-system", place)
        terminal.type("q")
        assert await terminal.ended() == 0
        assert terminal.unrestored() == []
    finally:
        terminal.close()
