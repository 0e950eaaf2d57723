"""Whether a change may have been made: told on the error wherever its request went out and no answer settles it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.client_base import post
from k8sops.cluster.retry import NeverSentError
from k8sops.cluster.transport import GATED_ATTEMPT_S
from k8sops.core import errors
from k8sops.core.ports import Resource
from tests.support.clients import client_of, transport_of
from tests.support.fault_proxy import FaultProxy
from tests.support.kubeconfigs import document, write
from tests.support.local_api import LocalApi, answering


@pytest.fixture
async def proxy(kubeconfig: Path) -> AsyncIterator[FaultProxy]:
    """A proxy before the shared control plane."""
    async with FaultProxy(kubeconfig) as found:
        yield found


@pytest.fixture
async def cluster(proxy: FaultProxy) -> AsyncIterator[KubeCluster]:
    """A client that goes through the proxy."""
    async with client_of(proxy.kubeconfig) as found:
        yield found


def config_map(namespace: str) -> dict[str, Any]:
    """A ConfigMap called `a`."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": namespace}}


async def failure(request: Awaitable[object]) -> errors.K8sOpsError:
    """The error it ends with."""
    with pytest.raises(errors.K8sOpsError) as raised:
        await request
    return raised.value


Fault = Callable[[FaultProxy], object]

FAULTS: dict[str, tuple[Fault, bool]] = {
    "cut after it arrived": (lambda proxy: proxy.reset(method="POST", after_bytes=0), True),
    "cut before it arrived": (lambda proxy: proxy.reset(method="POST"), True),
    "500": (lambda proxy: proxy.fail(500, method="POST"), True),
    "503": (lambda proxy: proxy.fail(503, method="POST"), True),
    "504": (lambda proxy: proxy.fail(504, method="POST"), True),
    "403": (lambda proxy: proxy.fail(403, method="POST"), False),
    "409": (lambda proxy: proxy.fail(409, method="POST"), False),
    "422": (lambda proxy: proxy.fail(422, method="POST"), False),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_change_without_an_answer_that_settles_it_is_told_as_open(
    proxy: FaultProxy, cluster: KubeCluster, cluster_namespace: str, fault: str
) -> None:
    """Nobody here can know on which side of the API server the connection broke; a refusal in words is certain."""
    maps = await cluster.resource("cm")
    make, unknown = FAULTS[fault]
    make(proxy)
    error = await failure(cluster.create(maps, config_map(cluster_namespace)))
    assert error.outcome_unknown == unknown, error
    assert sum(seen.method == "POST" and "configmaps" in seen.path for seen in proxy.seen) == 1


async def test_what_changes_nothing_is_never_open(
    proxy: FaultProxy, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """A read, a dry run and a question may fail as they like."""
    maps = await cluster.resource("cm")
    proxy.fail(500, path="configmaps|selfsubject", times=20)
    for asked in (
        cluster.get(maps, "a", cluster_namespace),
        cluster.preview_create(maps, config_map(cluster_namespace)),
        cluster.transport.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=b"{}"),
    ):
        assert not (await failure(asked)).outcome_unknown


async def test_a_repeat_that_is_refused_does_not_undo_the_first_try(
    proxy: FaultProxy, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """A deletion whose answer was lost is sent again and finds nothing: it may well have been the first that did it."""
    maps = await cluster.resource("cm")
    made = await cluster.create(maps, config_map(cluster_namespace))
    proxy.reset(method="DELETE", after_bytes=0)
    gone = await failure(cluster.delete(maps, "a", cluster_namespace, uid=made["metadata"]["uid"]))
    assert isinstance(gone, errors.NotFoundError)
    assert gone.outcome_unknown


async def test_a_gated_change_that_is_not_answered_in_time_is_open(
    proxy: FaultProxy, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """The lease must outlive the request, so the request is given up; the API server is not asked to forget it."""
    maps = await cluster.resource("cm")

    async def gate() -> None:
        return None

    proxy.slow(method="POST", delay_s=GATED_ATTEMPT_S + 1)
    error = await failure(cluster.gated(gate).create(maps, config_map(cluster_namespace)))
    assert isinstance(error, errors.DeadlineError)
    assert error.outcome_unknown
    assert await cluster.get(maps, "a", cluster_namespace)


async def test_what_never_went_out_was_not_done(tmp_path: Path) -> None:
    """A network that is away must not put every run before a person: no connection, no change."""

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def gate() -> None:
        return None

    server = await asyncio.start_server(deaf, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    config = write(tmp_path / "config", document(f"https://127.0.0.1:{port}"))
    async with server, transport_of(config) as transport:
        change: dict[str, Any] = {"method": "POST", "path": "/api/v1/namespaces/a/configmaps", "body": b"{}"}
        late = await failure(transport.request(**change, deadline_s=0.3))
        assert (type(late), late.outcome_unknown) == (errors.DeadlineError, False)
        gated = transport.gated(gate)
        later = await failure(gated.request(**change, deadline_s=GATED_ATTEMPT_S + 0.05))
        assert not later.outcome_unknown
        assert "could not be sent to" in f"{later} {later.__cause__}"
    refused = await failure(_refused(config, change))
    assert (type(refused), refused.outcome_unknown) == (NeverSentError, False)


async def _refused(config: Path, change: dict[str, Any]) -> None:
    async with transport_of(config) as transport:
        await transport.request(**change, deadline_s=60)


async def test_a_deadline_that_ends_in_mid_request_leaves_it_open(
    proxy: FaultProxy, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Whoever gives up waiting has sent it all the same."""
    await (
        cluster.server_version()
    )  # a connection is there, so that the deadline does not come while it is made
    proxy.pause()
    path = f"/api/v1/namespaces/{cluster_namespace}/configmaps"
    change = await failure(cluster.transport.request("POST", path, body=b"{}", deadline_s=1.0))
    read = await failure(cluster.transport.request("GET", path, deadline_s=0.3))
    proxy.resume()
    assert (change.outcome_unknown, read.outcome_unknown) == (True, False)


async def test_an_answer_that_cannot_be_read_settles_nothing(tmp_path: Path) -> None:
    """Something between here and the API server answered in its place, in HTML and with 200."""
    page = web.Response(text="<html>welcome</html>")
    maps = Resource(group="", version="v1", plural="configmaps", kind="ConfigMap", namespaced=True)
    async with LocalApi(answering(page)) as api:
        config = write(tmp_path / "config", document(api.url))
        async with transport_of(config) as transport:
            error = await failure(post(transport, maps, config_map("shop")))
    assert isinstance(error, errors.ServerError)
    assert error.outcome_unknown
