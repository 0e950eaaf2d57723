"""Server-side tables: columns, identity, bare cells, and text that is not what it should be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from k8sops.cluster.table import TableCodec, read_table, selectors, table_pages
from k8sops.core.errors import ServerError
from k8sops.core.ports import Resource
from k8sops.core.tables import TableQuery
from tests.cluster.scripted_api import PATH, scripted_api
from tests.support.clients import transport_of
from tests.tui.feeds import START, FixedClock

PODS = Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)


def page_of(*rows: Any) -> bytes:
    return msgspec.json.encode({"kind": "Table", "columnDefinitions": [{"name": "Name"}], "rows": rows})


async def test_rows_carry_the_identity_a_live_table_needs(tmp_path: Path) -> None:
    """Without uid and namespace a row could be neither matched to an event nor acted upon."""
    async with scripted_api(tmp_path) as (api, transport):
        api.put("web", uid="u-1", restarts=3)
        table = await read_table(transport, PATH, PODS, TableQuery(kind="pods"))
    (row,) = table.rows
    assert (row.namespace, row.name, row.uid) == ("shop", "web", "u-1")
    assert row.cells == ("web", "1/1", "3")
    assert row.labels == {"app": "web"}
    assert row.created == datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
    assert [column.name for column in table.columns] == ["Name", "Ready", "Restarts"]
    assert table.resource_version == "101"


async def test_pages_join_to_one_table(tmp_path: Path) -> None:
    """Nothing doubled and nothing left out, also where the list had to begin anew half way."""
    async with scripted_api(tmp_path) as (api, transport):
        for number in range(1200):
            api.put(f"web-{number:04}")
        api.expire_tokens = 1
        table = await read_table(transport, PATH, PODS, TableQuery(kind="pods"))
        assert [row.name for row in table.rows] == [f"web-{number:04}" for number in range(1200)]
        sizes = [len(page.rows) async for page in table_pages(transport, PATH)]
        assert sizes == [500, 500, 200]


async def test_a_bare_table_is_one_request_without_objects(tmp_path: Path) -> None:
    """The quick print of one namespace: cells only, named by the column that says so."""
    async with scripted_api(tmp_path) as (api, transport):
        for number in range(700):
            api.put(f"web-{number:03}")
        query = TableQuery(kind="pods", namespace="shop", with_identity=False)
        table = await read_table(transport, "/api/v1/namespaces/shop/pods", PODS, query)
        assert len(table.rows) == 700
        assert (table.rows[0].name, table.rows[0].namespace, table.rows[0].uid) == ("web-000", "shop", "")
        assert api.requests == [{"includeObject": "None"}]


def test_cells_become_the_text_kubectl_would_print() -> None:
    """Servers send numbers, booleans, nulls and, for some CRDs, structures."""
    (entry,) = TableCodec().page(page_of({"cells": ["web", 3, None, True, 1.5, {"a": [1]}]}))
    assert entry.row.cells == ("web", "3", "", "true", "1.5", '{"a":[1]}')


def test_rows_that_are_followed_say_when_they_were_read() -> None:
    """`5m ago` in a cell is true of then, and counts on from there."""
    clock = FixedClock()
    codec = TableCodec(clock)
    (listed,) = codec.page(page_of({"cells": ["web"]}))
    clock.forward(60)
    told = {"type": "MODIFIED", "object": {"kind": "Table", "rows": [{"cells": ["web"]}]}}
    (changed,) = codec.events(msgspec.json.encode(told) + b"\n")
    assert listed.row.read_at == START
    assert changed.object.row.read_at == START + timedelta(seconds=60)


def test_a_cordoned_node_says_who_cordoned_it_and_why() -> None:
    """`SchedulingDisabled` alone starts a search for whoever did it; kubectl leaves no word."""
    marks = {"k8sops.dev/cordon-by": "alice", "k8sops.dev/cordon-reason": "kernel update, rack 4"}
    ours = {
        "cells": ["n1", "Ready,SchedulingDisabled"],
        "object": {"metadata": {"name": "n1", "annotations": marks}},
    }
    other = {
        "cells": ["n2", "Ready,SchedulingDisabled"],
        "object": {"metadata": {"name": "n2", "annotations": {}}},
    }
    open_again = {"cells": ["n3", "Ready"], "object": {"metadata": {"name": "n3", "annotations": marks}}}
    cells = [entry.row.cells[1] for entry in TableCodec().page(page_of(ours, other, open_again))]
    assert cells == [
        "Ready,SchedulingDisabled,by alice: kernel update; rack 4", "Ready,SchedulingDisabled", "Ready"
    ]  # fmt: skip


def test_a_long_name_leaves_room_for_the_reason() -> None:
    """At 80 columns the reason, which is what is looked for, would be cut off behind a name of an OIDC issuer."""
    by = "oidc:alexandra.montgomery@platform.example.org"
    marks = {"k8sops.dev/cordon-by": by, "k8sops.dev/cordon-reason": "disk swap"}
    row = {
        "cells": ["n1", "Ready,SchedulingDisabled"],
        "object": {"metadata": {"name": "n1", "annotations": marks}},
    }
    (entry,) = TableCodec().page(page_of(row))
    assert entry.row.cells[1] == "Ready,SchedulingDisabled,by oidc:alexandra.mont…: disk swap"


def test_hostile_cells_arrive_as_they_are() -> None:
    """Displays escape what they show; escaping here too would show the escape of an escape."""
    (entry,) = TableCodec().page(page_of({"cells": ["\x1b[2J\u202e"]}))
    assert entry.row.cells == ("\x1b[2J\u202e",)


@pytest.mark.parametrize(
    "body", [b'{"kind":"PodList","items":[]}', b"<html>", b'{"kind":"Table","rows":[7]}']
)
def test_what_is_no_table_is_a_server_error(body: bytes) -> None:
    """An aggregated API server may ignore the Accept header; its list must not pass for an empty table."""
    with pytest.raises(ServerError):
        TableCodec().page(body)


def test_selectors_narrow_the_list() -> None:
    """A name is a field selector, which every kind supports, and joins one that was given."""
    query = TableQuery(
        kind="pods", name="web", field_selector="status.phase=Running", label_selector="app=web"
    )
    assert selectors(query) == [
        ("fieldSelector", "status.phase=Running,metadata.name=web"),
        ("labelSelector", "app=web"),
    ]


async def test_a_real_api_server_prints_its_nodes(kubeconfig: Path) -> None:
    """The scripted server is our reading of the API; this is the API."""
    nodes = Resource(group="", version="v1", plural="nodes", kind="Node", namespaced=False)
    async with transport_of(kubeconfig) as transport:
        table = await read_table(transport, "/api/v1/nodes", nodes, TableQuery(kind="nodes"))
        bare = await read_table(
            transport, "/api/v1/nodes", nodes, TableQuery(kind="nodes", with_identity=False)
        )
    assert [column.name for column in table.columns][:2] == ["Name", "Status"]
    assert len(table.rows) == 5
    assert all(
        row.uid and row.created and row.labels["kubernetes.io/hostname"] == row.name for row in table.rows
    )
    assert [row.name for row in bare.rows] == [row.name for row in table.rows]
