"""Credential plugins of every temper: good ones, and those that fail, hang, ask or babble."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from k8sops.cluster.credentials import load_credentials
from k8sops.cluster.transport import Transport
from k8sops.core.errors import CredentialsError
from tests.support.certificates import Authority
from tests.support.kubeconfigs import document, write
from tests.support.local_api import LocalApi, answering, status

V1 = "client.authentication.k8s.io/v1"
SECRET = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEyMzQ1Njc4OTAifQ"


def plugin(folder: Path, code: str) -> Path:
    """A plugin written in Python; `say(**status)` prints an ExecCredential."""
    path = folder / "plugin"
    path.write_text(
        f"#!{sys.executable} -IS\nimport json, os, sys, time\n"
        f"def say(**status):\n"
        f"    print(json.dumps({{'apiVersion': {V1!r}, 'kind': 'ExecCredential', 'status': status}}))\n{code}\n"
    )
    path.chmod(0o700)
    return path


def kubeconfig(folder: Path, command: Path | str, server: str = "https://127.0.0.1:1", **more: Any) -> Path:
    """A kubeconfig whose user is the plugin."""
    cluster = more.pop("cluster", {})
    spec = {"command": str(command), "apiVersion": V1, "interactiveMode": "Never", **more}
    return write(folder / "config", document(server, user={"exec": spec}, cluster=cluster))


async def failure(config: Path, **environ: str) -> CredentialsError:
    """The error that asking for a grant ends with."""
    credentials = await load_credentials(kubeconfig=[config], environ={**os.environ, **environ})
    with pytest.raises(CredentialsError) as caught:
        await credentials.grant()
    return caught.value


async def test_a_plugin_gives_a_token(tmp_path: Path) -> None:
    """The common case on managed clusters; a relative command starts at the kubeconfig's folder."""
    plugin(tmp_path, "say(token='t-1')")
    credentials = await load_credentials(kubeconfig=[kubeconfig(tmp_path, "./plugin")])
    grant = await credentials.grant()
    assert grant.headers == (("Authorization", "Bearer t-1"),)
    assert "t-1" not in repr(grant) + repr(credentials)


async def test_a_plugin_hears_what_the_specification_promises(tmp_path: Path) -> None:
    """provideClusterInfo, env and args: plugins that serve several clusters rely on them."""
    out = tmp_path / "heard"
    path = plugin(
        tmp_path,
        f"open({str(out)!r}, 'w').write(json.dumps([os.environ['KUBERNETES_EXEC_INFO'], os.environ['ROLE'],"
        " sys.argv[1:], sys.stdin.read(), os.isatty(0)])); say(token='t')",
    )
    authority = Authority()
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
    config = kubeconfig(
        tmp_path,
        path,
        args=["--a", "b"],
        env=[{"name": "ROLE", "value": "ops"}],
        provideClusterInfo=True,
        cluster={"tls-server-name": "api", "extensions": [extension]},
    )
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    await (await load_credentials(kubeconfig=[config])).grant()
    info, role, args, stdin, terminal = json.loads(out.read_text())
    spec = json.loads(info)["spec"]
    assert spec == {
        "interactive": False,
        "cluster": {"server": "https://127.0.0.1:1", "tls-server-name": "api", "config": {"audience": "x"}},
    }
    assert (role, args, stdin, terminal) == ("ops", ["--a", "b"], "", False)


async def test_a_plugin_is_run_once_until_its_answer_expires(tmp_path: Path) -> None:
    """Plugins are slow and often rate-limited: a hundred requests must not run it a hundred times."""
    count = tmp_path / "count"
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    path = plugin(
        tmp_path, f"open({str(count)!r}, 'a').write('x'); say(token='t', expirationTimestamp={soon!r})"
    )
    credentials = await load_credentials(kubeconfig=[kubeconfig(tmp_path, path)])
    await asyncio.gather(*(credentials.grant() for _ in range(20)))
    assert count.read_text() == "x"


async def test_an_expired_answer_is_renewed(tmp_path: Path) -> None:
    """Otherwise a screen left open overnight shows nothing in the morning."""
    count = tmp_path / "count"
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    path = plugin(
        tmp_path, f"open({str(count)!r}, 'a').write('x'); say(token='t', expirationTimestamp={past!r})"
    )
    credentials = await load_credentials(kubeconfig=[kubeconfig(tmp_path, path)])
    await credentials.grant()
    await credentials.grant()
    assert count.read_text() == "xx"


async def test_a_refused_token_is_renewed_once_and_the_request_repeated(tmp_path: Path) -> None:
    """A token revoked before its time costs one more try, even for a mutation, which a 401 did not reach."""
    count = tmp_path / "count"
    path = plugin(
        tmp_path, f"open({str(count)!r}, 'a').write('x'); say(token='t%d' % os.path.getsize({str(count)!r}))"
    )
    refused = web.Response(status=401, body=status(401, "Unauthorized"))
    async with LocalApi(answering(refused, (200, {}))) as api:
        credentials = await load_credentials(kubeconfig=[kubeconfig(tmp_path, path, api.url)])
        transport = Transport(credentials)
        await transport.request("POST", "/x", body=b"{}")
        await transport.aclose()
        tokens = [request.headers["Authorization"] for request in api.requests]
    assert tokens == ["Bearer t1", "Bearer t2"]


async def test_a_token_refused_twice_is_told(tmp_path: Path) -> None:
    """Two refusals are no accident: a loop of renewals would lock accounts."""
    path = plugin(tmp_path, "say(token='t')")
    async with LocalApi(answering(web.Response(status=401, body=status(401, "Unauthorized")))) as api:
        transport = Transport(await load_credentials(kubeconfig=[kubeconfig(tmp_path, path, api.url)]))
        with pytest.raises(CredentialsError, match="refused the credentials"):
            await transport.request("GET", "/x")
        await transport.aclose()
        assert len(api.requests) == 2


async def test_a_plugin_gives_a_client_certificate(tmp_path: Path) -> None:
    """Some plugins issue short-lived certificates instead of tokens; the TLS context must take them."""
    pair = Authority().issue("alice", client=True)
    path = plugin(
        tmp_path,
        f"say(clientCertificateData={pair.certificate.decode()!r}, clientKeyData={pair.key.decode()!r})",
    )
    credentials = await load_credentials(kubeconfig=[kubeconfig(tmp_path, path)])
    assert not isinstance((await credentials.grant()).ssl, bool)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("sys.exit('no session\\nsecond line')", "failed with status 1: no session"),
        (f"sys.exit('token {SECRET} has expired')", r"failed with status 1: token \[hidden\] has expired"),
        ("print('Password:', end='', flush=True); input()", "failed with status 1"),
        ("print('hello')", "did not print an ExecCredential"),
        (
            "print(json.dumps({'kind': 'ExecCredential', 'apiVersion': 'v1'}))",
            "did not print an ExecCredential",
        ),
        ("say()", "neither token nor certificate"),
        ("say(clientCertificateData='x')", "only one half"),
        ("say(token='t', expirationTimestamp='soon')", "that is no time"),
        ("say(token='a\\nb')", "characters no token has"),
    ],
)
async def test_a_plugin_that_goes_wrong_is_named(tmp_path: Path, code: str, told: str) -> None:
    """The message must lead to the plugin, not to the cluster, and must not give a token away."""
    error = await failure(kubeconfig(tmp_path, plugin(tmp_path, code)))
    with pytest.raises(CredentialsError, match=told):
        raise error
    assert SECRET not in error.message
    assert "plugin" in error.message


async def test_a_hanging_plugin_ends_at_its_deadline_with_all_its_children(tmp_path: Path) -> None:
    """A plugin waiting for a browser must not hold the program, nor live on behind it."""
    pid = tmp_path / "pid"
    path = tmp_path / "plugin"
    path.write_text(f"#!/bin/sh\nsleep 600 & echo $! > {pid}\nwait\n")
    path.chmod(0o700)
    began = time.monotonic()
    error = await failure(kubeconfig(tmp_path, path), K8SOPS_EXEC_TIMEOUT="2")
    assert "gave no credentials within 2 s" in error.message
    assert time.monotonic() - began < 30
    child = int(pid.read_text())
    async with asyncio.timeout(120):
        while _runs(child):  # noqa: ASYNC110 - another process's end has no event
            await asyncio.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


async def test_a_plugin_that_must_ask_is_refused_before_it_runs(tmp_path: Path) -> None:
    """interactiveMode Always: it would wait for an answer nobody can give."""
    ran = tmp_path / "ran"
    path = plugin(tmp_path, f"open({str(ran)!r}, 'w')")
    error = await failure(kubeconfig(tmp_path, path, interactiveMode="Always"))
    assert "must ask on the terminal" in error.message
    assert not ran.exists()


async def test_a_missing_plugin_tells_the_install_hint(tmp_path: Path) -> None:
    """The kubeconfig's author knows best where to get it."""
    error = await failure(kubeconfig(tmp_path, "no-such-plugin", installHint="brew install it"))
    assert "'no-such-plugin' is not there" in error.message
    assert error.hint == "brew install it"


async def test_a_timeout_that_is_no_number_is_told(tmp_path: Path) -> None:
    """A setting that is silently ignored is worse than none."""
    error = await failure(
        kubeconfig(tmp_path, plugin(tmp_path, "say(token='t')")), K8SOPS_EXEC_TIMEOUT="long"
    )
    assert "K8SOPS_EXEC_TIMEOUT='long'" in error.message
