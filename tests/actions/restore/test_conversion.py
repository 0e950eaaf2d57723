"""Kinds in several versions whose API server asks a webhook to convert: it has to answer before their objects come."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from k8sops.core.errors import K8sOpsError
from k8sops.core.plan import JsonObject
from tests.actions.restore.restoring import RestoreDesk, eventually
from tests.support.certificates import Authority
from tests.support.local_api import LocalApi


async def convert(request: web.Request) -> web.StreamResponse:
    """`spec.size` of v1 is `spec.replicas` of v1beta1."""
    review = await request.json()
    asked = review["request"]
    found = []
    for one in asked["objects"]:
        made = copy.deepcopy(one)
        made["apiVersion"] = asked["desiredAPIVersion"]
        old, new = ("replicas", "size") if made["apiVersion"].endswith("/v1") else ("size", "replicas")
        if old in made.get("spec", {}):
            made["spec"][new] = made["spec"].pop(old)
        found.append(made)
    response = {"uid": asked["uid"], "convertedObjects": found, "result": {"status": "Success"}}
    body = {"apiVersion": review["apiVersion"], "kind": "ConversionReview", "response": response}
    return web.Response(body=json.dumps(body).encode(), content_type="application/json")


@pytest.fixture
async def definition(desk: RestoreDesk, tmp_path: Path) -> AsyncIterator[JsonObject]:
    """A kind that is stored as v1beta1, while v1 is preferred: every read and write of v1 is converted."""
    authority = Authority()
    async with LocalApi(convert, tls=authority.issue("conversion"), folder=tmp_path) as server:
        group = f"{desk.namespace.replace('test-', 'c')}.example.com"
        schema = {
            "openAPIV3Schema": {
                "type": "object",
                "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        }
        made: JsonObject = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"shards.{group}"},
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": {"plural": "shards", "singular": "shard", "kind": "Shard", "listKind": "ShardList"},
                "conversion": {
                    "strategy": "Webhook",
                    "webhook": {
                        "conversionReviewVersions": ["v1"],
                        "clientConfig": {
                            "url": f"{server.url}/convert",
                            "caBundle": base64.b64encode(authority.pem).decode(),
                        },
                    },
                },
                "versions": [
                    {"name": "v1", "served": True, "storage": False, "schema": schema},
                    {"name": "v1beta1", "served": True, "storage": True, "schema": schema},
                ],
            },
        }
        definitions = await desk.cluster.resource("customresourcedefinitions")
        await desk.cluster.create(definitions, made)
        yield made
        await desk.cluster.delete(definitions, made["metadata"]["name"])


async def test_a_kind_that_is_converted_by_a_webhook_comes_back(
    desk: RestoreDesk, definition: JsonObject
) -> None:
    """Definition and objects are gone; both are restored, in the version that was backed up."""
    kind = definition["metadata"]["name"]
    manifest = {
        "apiVersion": f"{definition['spec']['group']}/v1",
        "kind": "Shard",
        "metadata": {"name": "first", "namespace": desk.namespace},
        "spec": {"size": 3, "ratio": 1.0, "big": 2**60 + 1},
    }
    await eventually(partial(_made, desk, kind, manifest))
    await desk.back_up(include_kinds=())
    definitions = await desk.cluster.resource("customresourcedefinitions")
    await desk.cluster.delete(definitions, kind)
    await desk.gone("customresourcedefinitions", kind)
    plan = await desk.preview()
    assert not plan.blockers, plan.blockers
    await desk.carry(plan)
    found = await desk.get(kind, "first")
    assert found["apiVersion"] == manifest["apiVersion"]
    assert found["spec"] == manifest["spec"]
    stored = await desk.get(f"shards.v1beta1.{definition['spec']['group']}", "first")
    assert stored["spec"]["replicas"] == 3


async def test_status_is_restored_where_it_is_asked_for(desk: RestoreDesk) -> None:
    """For kinds whose status nobody would report anew."""
    spec = {"ports": [{"port": 80}], "type": "LoadBalancer", "loadBalancerClass": "example.com/none"}
    await desk.make("services", "web", spec=spec)
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.7", "ipMode": "VIP"}]}}
    services = await desk.cluster.resource("services")
    await desk.cluster.patch(services, "web", desk.namespace, body={"status": status}, subresource="status")
    await desk.back_up(include_kinds=["services"])
    await desk.delete("services", "web")
    await desk.restore()
    assert (await desk.get("services", "web"))["status"] == {"loadBalancer": {}}
    await desk.delete("services", "web")
    await desk.restore(status=["services"])
    assert (await desk.get("services", "web"))["status"] == status


async def _made(desk: RestoreDesk, kind: str, manifest: JsonObject) -> bool:
    try:
        await desk.cluster.create(await desk.cluster.resource(kind), manifest)
    except K8sOpsError:
        return False
    return True
