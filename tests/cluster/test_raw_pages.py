"""Objects as bytes: a list and a GET give the same, whatever the kind, and a list that begins anew says so."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.metadata_lists import list_head
from k8sops.cluster.raw_pages import _page, raw_pages
from k8sops.core.errors import NotFoundError, ServerError
from k8sops.core.ports import Resource
from k8sops.core.raw import RawPage
from tests.cluster.scripted_api import scripted_api
from tests.support.clients import client_of
from tests.support.fault_proxy import FaultProxy

CONFIG_MAPS = Resource(group="", version="v1", plural="configmaps", kind="ConfigMap", namespaced=True)


PODS = Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)


async def _config_maps(cluster: KubeCluster, namespace: str, count: int) -> None:
    resource = await cluster.resource("configmaps")
    for number in range(count):
        metadata = {"name": f"c-{number}", "namespace": namespace, "labels": {"number": str(number)}}
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "b"}}
        await cluster.create(resource, manifest)


async def test_an_object_of_a_list_is_what_a_get_answers(
    cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Lists leave out `apiVersion` and `kind`: without them nobody could say what the bytes are.

    What nobody keeps, which is half of the bytes, is not carried further than the page.
    """
    await _config_maps(cluster, cluster_namespace, 2)
    resource = await cluster.resource("configmaps")
    async with aclosing(cluster.pages(resource, cluster_namespace, label_selector="number=1")) as pages:
        (page,) = [page async for page in pages]
    (found,) = page.objects
    alone = await cluster.raw(resource, "c-1", cluster_namespace)
    whole = msgspec.json.decode(alone.data)
    assert whole["metadata"].pop("managedFields")
    listed = msgspec.json.decode(found.data)
    assert not listed["metadata"].pop("managedFields")
    assert listed == whole
    assert (found.namespace, found.name, found.labels) == (cluster_namespace, "c-1", {"number": "1"})
    assert (found.uid, found.resource_version) == (alone.uid, alone.resource_version)
    assert page.resource_version.isdigit()


async def test_metadata_alone_is_a_part_of_the_bytes(cluster: KubeCluster, cluster_namespace: str) -> None:
    """What a backup needs to tell whether it has an object already; even those bytes only if they are wanted."""
    await _config_maps(cluster, cluster_namespace, 1)
    resource = await cluster.resource("configmaps")
    for with_data in (True, False):
        pages = cluster.pages(resource, cluster_namespace, metadata_only=True, with_data=with_data)
        async with aclosing(pages):
            found = [one async for page in pages for one in page.objects if one.name == "c-0"]
        assert found[0].uid
        assert found[0].labels == {"number": "0"}
        assert (b'"metadata"' in found[0].data) is with_data
        assert b'"data"' not in found[0].data


async def test_both_forms_of_metadata_say_the_same(cluster: KubeCluster, cluster_namespace: str) -> None:
    """A backup that took one thing for another by the form in which it came would keep the wrong object."""
    await _config_maps(cluster, cluster_namespace, 3)
    for kind, namespace, prefix in (("configmaps", cluster_namespace, "c-"), ("clusterroles", "", "system:")):
        resource = await cluster.resource(kind)
        found = []
        for with_data in (True, False):
            pages = cluster.pages(resource, namespace, metadata_only=True, with_data=with_data, page_size=2)
            async with aclosing(pages):
                objects = [one async for page in pages for one in page.objects]
            found.append(
                [msgspec.structs.replace(one, data=b"") for one in objects if one.name.startswith(prefix)]
            )
        assert found[0] == found[1]
        assert found[0][0].labels


async def test_a_server_that_speaks_no_protobuf_is_read_all_the_same(tmp_path: Path) -> None:
    """Aggregated API servers need not: they answer in the next best form that was asked for."""
    async with scripted_api(tmp_path) as (api, transport):
        for number in range(3):
            api.put(f"p-{number}")
        pages = raw_pages(transport, PODS, metadata_only=True, with_data=False, page_size=2)
        async with aclosing(pages):
            names = [one.name async for page in pages for one in page.objects]
    assert names == ["p-0", "p-1", "p-2"]


async def test_every_page_is_as_large_as_was_asked(tmp_path: Path) -> None:
    """A backup asks for thousands of objects' metadata at once: one smaller page is one more for the server."""
    async with scripted_api(tmp_path) as (api, transport):
        for number in range(3):
            api.put(f"p-{number}")
        async with aclosing(raw_pages(transport, PODS, metadata_only=True, page_size=2000)) as pages:
            assert [len(page.objects) async for page in pages] == [3]
    assert [query["limit"] for query in api.requests] == ["2000"]


def test_what_only_looks_like_protobuf_is_named() -> None:
    """Something between us and the server may cut or alter an answer: it is no reason to take half a list."""
    for data in (b"k8s\0\x12\xff", b"k8s\0\x12\x02\x0a\x7f"):
        with pytest.raises(ServerError, match="list of metadata cannot be read"):
            list_head(data)


async def test_an_object_that_holds_another_with_its_fields_is_left_as_it_is() -> None:
    """Which of two equal `managedFields` is the object's own, bytes alone do not tell."""
    fields = [{"manager": "kubectl", "operation": "Update"}]
    inner = {"metadata": {"name": "inner", "managedFields": fields}}
    for spec in ({"template": inner}, {"note": msgspec.json.encode(inner).decode()}):
        item = {"metadata": {"name": "outer", "managedFields": fields}, "spec": spec}
        for members in (item, {"spec": spec, "metadata": item["metadata"]}):
            body = msgspec.json.encode({"metadata": {"resourceVersion": "7"}, "items": [members]})
            (found,) = _page(body, CONFIG_MAPS, "7", False).objects
            kept = msgspec.json.decode(found.data)
            assert kept["spec"] == spec
            assert kept["metadata"]["name"] == "outer"


async def test_a_page_keeps_what_is_embedded_and_loses_what_is_its_objects_own() -> None:
    """The fields of all objects of a page are taken out at once: none may be taken for those of another."""
    fields = [{"manager": "kubectl", "operation": "Update"}]
    owned: dict[str, Any] = {"metadata": {"name": "owned", "managedFields": fields}}
    bare: dict[str, Any] = {"metadata": {"name": "bare"}, "spec": {"note": "managedFields"}}
    holding: dict[str, Any] = {"metadata": {"name": "holding"}, "spec": {"template": owned}}
    nested: dict[str, Any] = {"spec": {"template": owned}, "metadata": owned["metadata"]}
    for items, emptied in (
        ([owned, bare, owned], True),
        ([holding, owned, bare], False),
        # Each embedded one is taken for its object's own, and that for the next object's: what is left over tells.
        ([nested, nested, nested], False),
    ):
        body = msgspec.json.encode({"metadata": {"resourceVersion": "7"}, "items": items})
        kept = [msgspec.json.decode(one.data) for one in _page(body, CONFIG_MAPS, "7", False).objects]
        assert [one["metadata"]["name"] for one in kept] == [one["metadata"]["name"] for one in items]
        assert [one.get("spec") for one in kept] == [one.get("spec") for one in items]
        assert (kept[0]["metadata"].get("managedFields") == []) is emptied


async def test_objects_of_one_template_have_each_their_own_labels(
    cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Labels are taken apart once for all that have the same ones: neither more nor fewer may count as the same."""
    resource = await cluster.resource("configmaps")
    wanted = {"a-0": {"app": "web"}, "a-1": {"app": "web", "tier": ""}, "a-2": {}, "a-3": {"app": "web"}}
    for name, labels in wanted.items():
        metadata = {"name": name, "namespace": cluster_namespace, "labels": labels}
        await cluster.create(resource, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    pages = cluster.pages(resource, cluster_namespace, metadata_only=True, with_data=False)
    async with aclosing(pages):
        found = {one.name: one.labels async for page in pages for one in page.objects}
    assert {name: found[name] for name in wanted} == wanted


async def test_an_object_no_older_than_a_list_is_had_even_from_a_server_that_lags_behind(
    cluster: KubeCluster, cluster_namespace: str
) -> None:
    """One API server of several may not have come as far as the one that answered the list; it waits, and says so."""
    await _config_maps(cluster, cluster_namespace, 1)
    resource = await cluster.resource("configmaps")
    pages = cluster.pages(resource, cluster_namespace, metadata_only=True, with_data=False)
    async with aclosing(pages):
        (state,) = [page.resource_version async for page in pages]
    now = await cluster.raw(resource, "c-0", cluster_namespace)
    assert await cluster.raw(resource, "c-0", cluster_namespace, not_older_than=state) == now
    ahead = str(int(state) + 1_000_000)
    assert await cluster.raw(resource, "c-0", cluster_namespace, not_older_than=ahead) == now
    with pytest.raises(NotFoundError):
        await cluster.raw(resource, "c-1", cluster_namespace, not_older_than=state)


async def test_one_page_tells_how_many_objects_are_to_come(
    cluster: KubeCluster, cluster_namespace: str
) -> None:
    """A plan counts with it, one request for each kind."""
    await _config_maps(cluster, cluster_namespace, 3)
    resource = await cluster.resource("configmaps")
    for with_data in (True, False):
        pages = cluster.pages(
            resource, cluster_namespace, metadata_only=True, with_data=with_data, page_size=1, at_most=1
        )
        async with aclosing(pages):
            (page,) = [page async for page in pages]
        assert len(page.objects) == 1
        assert page.remaining >= 2


async def test_a_list_that_expired_begins_anew_and_says_so(
    cluster: KubeCluster, cluster_namespace: str, kubeconfig: Path
) -> None:
    """Whoever kept pages of the first try must know that they are void."""
    await _config_maps(cluster, cluster_namespace, 6)
    async with FaultProxy(kubeconfig) as proxy, client_of(proxy.kubeconfig) as client:
        resource = await client.resource("configmaps")
        seen: list[RawPage] = []
        async with aclosing(client.pages(resource, cluster_namespace, page_size=1)) as pages:
            async for page in pages:
                if not seen:
                    proxy.fail(410, path=f"/{cluster_namespace}/configmaps", reason="Expired")
                seen.append(page)
    (again,) = [number for number, page in enumerate(seen) if page.restarted]
    names = [one.name for page in seen[again:] for one in page.objects]
    assert {f"c-{number}" for number in range(6)} <= set(names)
    assert len(names) == len(set(names))


async def test_changes_are_told_from_a_list_on(cluster: KubeCluster, cluster_namespace: str) -> None:
    """With the bytes, so that nothing has to be read again."""
    await _config_maps(cluster, cluster_namespace, 1)
    resource = await cluster.resource("configmaps")
    async with aclosing(cluster.pages(resource, cluster_namespace)) as pages:
        since = [page.resource_version async for page in pages][-1]
    await cluster.patch(resource, "c-0", cluster_namespace, body={"data": {"a": "c"}})
    await cluster.delete(resource, "c-0", cluster_namespace)
    told = []
    async with (
        asyncio.timeout(180),
        aclosing(cluster.changes(resource, cluster_namespace, since=since)) as changes,
    ):
        async for change in changes:
            told.append((change.object.name, change.gone, b'"a":"c"' in change.object.data))
            if change.gone:
                break
    assert told[-1] == ("c-0", True, True)
    assert ("c-0", False, True) in told
