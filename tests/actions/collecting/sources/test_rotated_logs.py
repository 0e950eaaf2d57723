"""Logs that no log API gives any more, fetched from a node that serves its /var/log."""

from __future__ import annotations

import gzip
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final, cast

from k8sops.actions.collecting.gathering import Window
from k8sops.actions.collecting.sources.rotated_logs import rotated_logs
from k8sops.core.errors import ForbiddenError, InvalidError, K8sOpsError, NotFoundError
from k8sops.core.logs import stamp_ns
from k8sops.core.ports import ClusterReader
from k8sops.core.redaction import TextForm
from tests.actions.collecting.sources.ground import gathering_of
from tests.support.bundle_sink import MemorySink

ROOT = "/api/v1/nodes/node-1/proxy/logs/pods/"
UID = "11111111-2222-3333-4444-555555555555"
FOLDER = f"shop_web-1_{UID}"
PLACE = "namespaces/shop/pods/web-1/app.rotated"
WINDOW = Window(stamp_ns("2026-11-22T12:00:00Z"), stamp_ns("2026-11-22T13:00:00Z"))
POD: Final[dict[str, Any]] = {
    "metadata": {"name": "web-1", "namespace": "shop", "uid": UID},
    "spec": {"nodeName": "node-1", "containers": [{"name": "app"}]},
}
LINE = b"2026-11-22T12:10:00.000000001Z stdout F hello\n"


def page(*names: str) -> bytes:
    """A folder as Go's file server shows it."""
    links = "".join(f'<a href="{name}">{name}</a>\n' for name in names)
    return f'<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n{links}</pre>\n'.encode()


class Node:
    """Serves these files and folders, in small pieces."""

    def __init__(self, files: dict[str, bytes | K8sOpsError]) -> None:
        self.asked: list[str] = []
        self._files = files

    async def bytes_at(
        self, path: str, query: Sequence[tuple[str, str]] = (), **_: Any
    ) -> AsyncGenerator[bytes, None]:
        """What lies there."""
        assert not query
        self.asked.append(path)
        found = self._files.get(path.removeprefix(ROOT), NotFoundError("404"))
        if isinstance(found, K8sOpsError):
            raise found
        for at in range(0, len(found), 1000):
            yield found[at : at + 1000]


async def rotated(node: Node, **more: Any) -> MemorySink:
    """What a bundle has of it."""
    gathering, sink = gathering_of(cast("ClusterReader", node), "shop", pods=[POD], window=WINDOW, **more)
    await rotated_logs(gathering)
    return sink


def of_files(files: dict[str, bytes]) -> Node:
    """A node with these files of the container."""
    folder = f"{FOLDER}/app/"
    kept = {f"{folder}{name}": data for name, data in files.items()}
    return Node({"": page(f"{FOLDER}/", "shop_other_1/"), folder: page(*files), **kept})


async def test_rotated_files_are_kept_and_the_packed_ones_unpacked() -> None:
    """Redaction cannot look into what is packed; the file that is being written is the log API's."""
    files = {
        "0.log": b"the present one",
        "0.log.20261122-121000": LINE,
        "0.log.20261122-121500.gz": gzip.compress(LINE * 5000),
    }
    sink = await rotated(of_files(files))
    assert sink.files[f"{PLACE}/0.log.20261122-121000"].data == LINE
    assert sink.files[f"{PLACE}/0.log.20261122-121500"].data == LINE * 5000
    assert len(sink.files) == 2
    assert {file.form for file in sink.files.values()} == {TextForm.RUNTIME_LOG}


async def test_what_was_rotated_long_before_the_window_is_not_fetched() -> None:
    """By whatever zone the node has its clock in."""
    node = of_files({"0.log.20261121-120000": LINE, "0.log.20261122-000000": LINE})
    sink = await rotated(node)
    assert list(sink.files) == [f"{PLACE}/0.log.20261122-000000"]
    assert not any(path.endswith("0.log.20261121-120000") for path in node.asked)


async def test_of_a_file_that_is_being_packed_one_form_is_taken() -> None:
    """Both are there for a moment, and hold the same."""
    sink = await rotated(
        of_files({"0.log.20261122-121000": LINE, "0.log.20261122-121000.gz": gzip.compress(LINE)})
    )
    assert [file.data for file in sink.files.values()] == [LINE]


async def test_a_name_that_is_none_of_a_log_is_never_asked_for() -> None:
    """The page is the node's, and may say anything."""
    node = of_files(
        {"../../../shadow": b"x", "0.log.20261122-121000.tmp": b"x", "a.log.20261122-121000": b"x"}
    )
    assert (await rotated(node)).files == {}
    assert len(node.asked) == 2


async def test_what_swells_when_unpacked_is_cut_at_the_limit_of_a_file() -> None:
    """A kilobyte can hold gigabytes."""
    bomb = gzip.compress(b"\0" * 50_000_000)
    sink = await rotated(of_files({"0.log.20261122-121000.gz": bomb}), limit=100_000)
    file = sink.files[f"{PLACE}/0.log.20261122-121000"]
    assert len(file.data) == 100_000
    assert file.cuts == ["the rest was not read"]
    assert file.dropped < 1_000_000


async def test_a_file_that_cannot_be_unpacked_to_its_end_keeps_what_could() -> None:
    """It was being written, or the disk is the trouble that is looked for."""
    packed = gzip.compress(LINE * 100_000)
    sink = await rotated(of_files({"0.log.20261122-121000.gz": packed[: len(packed) // 2]}))
    (file,) = sink.files.values()
    assert file.data.startswith(LINE)
    assert "ends in the middle" in file.errors[0]
    sink = await rotated(of_files({"0.log.20261122-121000.gz": b"no gzip at all"}))
    assert "cannot be unpacked" in sink.absent[f"{PLACE}/0.log.20261122-121000"]


async def test_a_node_that_serves_none_is_one_note_however_many_pods_it_has() -> None:
    """Most do not, or not to everybody."""
    answers: dict[str, K8sOpsError | bytes] = {
        "may not": ForbiddenError('user "bob" may not get nodes/proxy at cluster scope'),
        "enableSystemLogHandler": InvalidError("refused as invalid: logs endpoint is disabled."),
        "no list of files": b"hello",
    }
    for said, answer in answers.items():
        sink = await rotated(Node({"": answer}))
        assert said in sink.not_here["nodes/node-1/rotated-logs"]
        assert (sink.files, sink.absent) == ({}, {})


async def test_the_folder_of_a_static_pod_has_the_uid_the_kubelet_knows() -> None:
    """Those of the control plane, of all pods."""
    metadata = POD["metadata"] | {"annotations": {"kubernetes.io/config.hash": "abc"}}
    folder = "shop_web-1_abc/app/"
    name = "0.log.20261122-121000"
    node = Node({"": page("shop_web-1_abc/"), folder: page(name), f"{folder}{name}": LINE})
    gathering, sink = gathering_of(
        cast("ClusterReader", node), "shop", pods=[{**POD, "metadata": metadata}], window=WINDOW
    )
    await rotated_logs(gathering)
    assert list(sink.files) == [f"{PLACE}/{name}"]
