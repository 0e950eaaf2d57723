"""Credential plugins (client.authentication.k8s.io), run by us so that they cannot take over the terminal.

A plugin gets no input, its own session (so no controlling terminal to ask a password on), a deadline, and the
KUBERNETES_EXEC_INFO of the specification. Its error output is caught and only its first line is told, with what
looks like a token taken out. Where a person asked for it, it runs on their terminal instead, for as long as it takes.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from k8sops.cluster.one_line import one_line
from k8sops.core.clock import parse_rfc3339
from k8sops.core.errors import CredentialsError

DEFAULT_TIMEOUT_S: Final = 30.0
_API_GROUP: Final = "client.authentication.k8s.io/"
_SECRET: Final = re.compile(r"[A-Za-z0-9_\-+/=.~]{32,}")


class Variable(msgspec.Struct, frozen=True):
    """An environment variable the kubeconfig adds for the plugin."""

    name: str
    value: str = ""


class ExecSpec(msgspec.Struct, frozen=True, rename="camel"):
    """`users[].user.exec` of a kubeconfig."""

    command: str
    api_version: str = "client.authentication.k8s.io/v1"
    args: tuple[str, ...] | None = None
    env: tuple[Variable, ...] | None = None
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: Literal["Never", "IfAvailable", "Always"] = "IfAvailable"


class ExecCredential(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin handed over. Held in memory only."""

    token: str = ""
    certificate: str = ""
    key: str = ""
    expires: datetime | None = None

    def __repr__(self) -> str:
        return f"ExecCredential(expires={self.expires})"


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: str = ""


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _Answer | None = None


def timeout_of(environ: Mapping[str, str]) -> float:
    """Seconds a plugin may take: K8SOPS_EXEC_TIMEOUT, else 30."""
    given = environ.get("K8SOPS_EXEC_TIMEOUT", "")
    try:
        seconds = float(given) if given else DEFAULT_TIMEOUT_S
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise CredentialsError(f"K8SOPS_EXEC_TIMEOUT={given!r} is not a positive number of seconds")
    return seconds


async def run_plugin(
    spec: ExecSpec, *, folder: Path, cluster: Mapping[str, Any], environ: Mapping[str, str]
) -> ExecCredential:
    """Run the plugin once; `folder` is where a relative command starts, `cluster` what provideClusterInfo gives.

    Raises CredentialsError naming the command for every way in which it can fail.
    """
    name = one_line(spec.command, 200)
    if spec.interactive_mode == "Always":
        raise CredentialsError(
            f"credential plugin {name!r} must ask on the terminal (interactiveMode Always)",
            hint="log in with the plugin's own command first, or set interactiveMode to IfAvailable",
        )
    program = _program(spec, folder, environ)
    env = _environment(spec, cluster, environ, interactive=False)
    status, out, err = await _output(program, spec, env, timeout_of(environ))
    if status != 0:
        raise CredentialsError(
            f"credential plugin {name!r} failed with status {status}: {_first_line(err) or 'no error output'}",
            hint="run it by hand, or log in again with it",
        )
    return _credential(spec, out, err)


async def run_plugin_at_terminal(
    spec: ExecSpec, *, folder: Path, cluster: Mapping[str, Any], environ: Mapping[str, str]
) -> ExecCredential:
    """Run the plugin once on this process's terminal, which the caller has freed; it may ask, and take its time.

    Raises CredentialsError as `run_plugin`; what the plugin said of it stands on the terminal.
    """
    interactive = spec.interactive_mode != "Never"
    try:
        process = await asyncio.create_subprocess_exec(
            _program(spec, folder, environ),
            *(spec.args or ()),
            env=_environment(spec, cluster, environ, interactive=interactive),
            stdin=None if interactive else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
    except (OSError, ValueError) as error:
        raise CredentialsError(f"credential plugin {spec.command!r} cannot be run: {error}") from error
    try:
        out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise CredentialsError(
            f"credential plugin {one_line(spec.command, 200)!r} failed with status {process.returncode}"
        )
    return _credential(spec, out, b"")


def _environment(
    spec: ExecSpec, cluster: Mapping[str, Any], environ: Mapping[str, str], *, interactive: bool
) -> dict[str, str]:
    env = {**environ, **{variable.name: variable.value for variable in spec.env or ()}}
    env["KUBERNETES_EXEC_INFO"] = _exec_info(spec, cluster, interactive=interactive)
    return env


def _program(spec: ExecSpec, folder: Path, environ: Mapping[str, str]) -> str:
    if os.sep in spec.command:
        path = (folder / spec.command).absolute()
        found = str(path) if os.access(path, os.X_OK) else None
    else:
        found = shutil.which(spec.command, path=environ.get("PATH"))
    if found is None:
        raise CredentialsError(
            f"credential plugin {one_line(spec.command, 200)!r} is not there or cannot be run",
            hint=one_line(spec.install_hint, 300)
            or "install it, or correct `exec.command` in the kubeconfig",
        )
    return found


def _exec_info(spec: ExecSpec, cluster: Mapping[str, Any], *, interactive: bool) -> str:
    told: dict[str, Any] = {"interactive": interactive}
    if spec.provide_cluster_info:
        told["cluster"] = dict(cluster)
    return json.dumps({"apiVersion": spec.api_version, "kind": "ExecCredential", "spec": told})


async def _output(
    program: str, spec: ExecSpec, env: Mapping[str, str], timeout_s: float
) -> tuple[int, bytes, bytes]:
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *(spec.args or ()),
            env=dict(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise CredentialsError(f"credential plugin {spec.command!r} cannot be run: {error}") from error
    try:
        async with asyncio.timeout(timeout_s):
            out, err = await process.communicate()
    except TimeoutError as error:
        raise CredentialsError(
            f"credential plugin {spec.command!r} gave no credentials within {timeout_s:g} s",
            hint="it may be waiting for an answer: run it by hand; K8SOPS_EXEC_TIMEOUT sets the seconds allowed",
        ) from error
    finally:
        if process.returncode is None:
            # The whole session: a plugin that is a script would else leave its child behind.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return process.returncode or 0, out, err


def _credential(spec: ExecSpec, out: bytes, err: bytes) -> ExecCredential:
    name = one_line(spec.command, 200)
    said = f" (it said: {_first_line(err)})" if _first_line(err) else ""
    try:
        document = msgspec.json.decode(out, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CredentialsError(f"credential plugin {name!r} did not print an ExecCredential{said}") from error
    if document.kind != "ExecCredential" or not document.api_version.startswith(_API_GROUP):
        raise CredentialsError(f"credential plugin {name!r} did not print an ExecCredential{said}")
    if document.api_version != spec.api_version:
        raise CredentialsError(
            f"credential plugin {name!r} printed {one_line(document.api_version, 80)},"
            f" but the kubeconfig asks for {spec.api_version}"
        )
    answer = document.status or _Answer()
    if bool(answer.client_certificate_data) != bool(answer.client_key_data):
        raise CredentialsError(f"credential plugin {name!r} gave only one half of certificate and key")
    if not (answer.token or answer.client_certificate_data):
        raise CredentialsError(f"credential plugin {name!r} gave neither token nor certificate{said}")
    return ExecCredential(
        token=answer.token,
        certificate=answer.client_certificate_data,
        key=answer.client_key_data,
        expires=_expiry(answer.expiration_timestamp, name),
    )


def _expiry(text: str, name: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = parse_rfc3339(text)
    except ValueError as error:
        raise CredentialsError(
            f"credential plugin {name!r} gave an expirationTimestamp that is no time: {one_line(text, 60)!r}"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _first_line(err: bytes) -> str:
    lines = err.decode("utf-8", "replace").strip().splitlines()
    return _SECRET.sub("[hidden]", one_line(lines[0], 300)) if lines else ""
