"""What kubelets answer to a query for their logs: many things, of which few are logs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

from k8sops.actions.collecting.gathering import Window
from k8sops.actions.collecting.sources import node_logs as module
from k8sops.core.errors import ForbiddenError, InvalidError, K8sOpsError, NotFoundError
from k8sops.core.logs import stamp_ns
from k8sops.core.ports import ClusterReader
from k8sops.core.redaction import TextForm
from tests.actions.collecting.sources.ground import gathering_of
from tests.support.bundle_sink import MemorySink

PATH = "/api/v1/nodes/node-1/proxy/logs/"
WINDOW = Window(stamp_ns("2026-11-22T12:00:00Z"), stamp_ns("2026-11-22T13:00:00Z"))
POD = {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"nodeName": "node-1"}}
LISTING = (
    b'<!doctype html>\n<pre>\n<a href="containers/">containers/</a>\n<a href="kubelet.log">kubelet.log</a>\n'
)

Answer = bytes | list[bytes] | K8sOpsError


class Kubelet:
    """Answers each path, with the service asked for behind it, as it was told to."""

    def __init__(self, answers: dict[str, Answer], runtime: str = "containerd://2.2.0") -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._answers = answers
        self._runtime = runtime

    async def resource(self, kind: str) -> str:
        """The kind itself will do."""
        return kind

    async def get(self, _: str, name: str) -> dict[str, Any]:
        """The node."""
        return {
            "metadata": {"name": name},
            "status": {"nodeInfo": {"containerRuntimeVersion": self._runtime}},
        }

    async def bytes_at(
        self, path: str, query: Sequence[tuple[str, str]] = (), **_: Any
    ) -> AsyncGenerator[bytes, None]:
        """What the API server passes on."""
        given = dict(query)
        self.asked.append((path, given))
        answer = self._answers.get(
            f"{path.removeprefix(PATH)}?{given.get('query', '')}", NotFoundError("404")
        )
        if isinstance(answer, K8sOpsError):
            raise answer
        for piece in answer if isinstance(answer, list) else [answer]:
            yield piece


async def logs_of(kubelet: Kubelet, **more: Any) -> MemorySink:
    """What a bundle has of it."""
    gathering, sink = gathering_of(cast("ClusterReader", kubelet), "shop", pods=[POD], window=WINDOW, **more)
    await module.node_logs(gathering)
    return sink


async def test_the_window_is_asked_for_and_the_runtime_by_its_own_name() -> None:
    """A journal of weeks is not read for an hour; CRI-O's unit is `crio`."""
    kubelet = Kubelet({"?kubelet": [b"a\n", b"b\n"], "?crio": b"c\n"}, runtime="cri-o://1.36.0")
    sink = await logs_of(kubelet)
    assert sink.files["nodes/node-1/kubelet.log"].data == b"a\nb\n"
    assert sink.files["nodes/node-1/crio.log"].data == b"c\n"
    assert {file.form for file in sink.files.values()} == {TextForm.JOURNAL}
    path, query = kubelet.asked[0]
    assert path == PATH
    assert query["sinceTime"] == "2026-11-22T12:00:00.000Z"
    assert query["untilTime"] == "2026-11-22T13:00:00.000Z"
    assert int(query["tailLines"]) <= 100_000


async def test_a_listing_in_answer_to_a_query_is_no_log_but_says_which_files_there_are() -> None:
    """So a kubelet answers whose query is off, with status 200."""
    sink = await logs_of(
        Kubelet({"?kubelet": LISTING, "?containerd": LISTING, "kubelet.log?": b"old\nnew\n"})
    )
    file = sink.files["nodes/node-1/kubelet.log"]
    assert file.data == b"old\nnew\n"
    assert "not the window alone" in file.notes[0]
    assert "enableSystemLogQuery" in sink.not_here["nodes/node-1/containerd.log"]
    assert sink.absent == {}


async def test_a_log_whose_lines_begin_with_a_bracket_is_a_log() -> None:
    """Syslog writes `<6>` before each line of the kernel's."""
    sink = await logs_of(Kubelet({"?kubelet": b"<6>one\n<4>two\n", "?containerd": b"<pre>\n</pre>\n"}))
    assert sink.files["nodes/node-1/kubelet.log"].data == b"<6>one\n<4>two\n"
    assert "nodes/node-1/containerd.log" in sink.not_here


async def test_a_kubelet_that_serves_no_logs_is_a_note_that_names_the_setting() -> None:
    """It is the default of many providers, and nobody's failure."""
    disabled = InvalidError("logs of node node-1 is refused as invalid: logs endpoint is disabled.")
    sink = await logs_of(Kubelet({"?kubelet": disabled, "?containerd": disabled}))
    assert "enableSystemLogHandler" in sink.not_here["nodes/node-1/kubelet.log"]
    assert sink.files == {}


async def test_a_refusal_names_the_right() -> None:
    """Whoever made the bundle can ask for nodes/proxy."""
    refused = ForbiddenError('user "bob" may not get nodes/proxy at cluster scope')
    sink = await logs_of(Kubelet({"?kubelet": refused, "?containerd": refused}))
    assert "nodes/proxy" in sink.not_here["nodes/node-1/kubelet.log"]


async def test_a_journal_without_entries_is_told_and_not_kept() -> None:
    """A file that holds `-- No entries --` looks like a log in the index."""
    sink = await logs_of(Kubelet({"?kubelet": b"-- No entries --\n", "?containerd": []}))
    assert "no entries of kubelet" in sink.not_here["nodes/node-1/kubelet.log"]
    assert "nodes/node-1/containerd.log" not in sink.files


async def test_a_log_that_is_too_long_is_cut_and_says_so() -> None:
    """By the lines that were asked for, or by the room there is in the bundle."""
    long = b"x\n" * module.MOST_LINES
    sink = await logs_of(Kubelet({"?kubelet": long, "?containerd": b"a\n"}))
    assert "newest 50,000 lines" in sink.files["nodes/node-1/kubelet.log"].cuts[0]
    assert sink.files["nodes/node-1/containerd.log"].cuts == []
    sink = await logs_of(Kubelet({"?kubelet": [b"x" * 100, b"y" * 100]}), limit=50)
    assert sink.files["nodes/node-1/kubelet.log"].cuts == ["the rest was not read"]
    assert len(sink.files["nodes/node-1/kubelet.log"].data) == 50


async def test_a_log_that_breaks_off_keeps_what_came() -> None:
    """A node in trouble is the one whose log is wanted."""

    class Breaking(Kubelet):
        async def bytes_at(
            self, path: str, query: Sequence[tuple[str, str]] = (), **more: Any
        ) -> AsyncGenerator[bytes, None]:
            async for piece in super().bytes_at(path, query, **more):
                yield piece
            raise InvalidError("the body was cut")

    sink = await logs_of(Breaking({"?kubelet": b"a\n", "?containerd": b"b\n"}))
    assert sink.files["nodes/node-1/kubelet.log"].data == b"a\n"
    assert sink.files["nodes/node-1/kubelet.log"].errors == ["the body was cut"]
