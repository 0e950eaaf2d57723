"""What is told of a bundle while it is made and afterwards, in sentences a person can act on."""

from __future__ import annotations

from pathlib import Path

import msgspec

from k8sops.actions.collecting.telling import lacking, outcome, progress_of
from k8sops.bundle.index import Index, IndexedFile, Missing, RedactedBy, Redaction
from k8sops.bundle.writing import Form, a_bundle
from tests.actions.collecting.kubelet import Kubelet, gathering_from
from tests.bundle.bundles import ABOUT, NAME


def index_of(*files: IndexedFile, missing: tuple[Missing, ...] = ()) -> Index:
    """With three secrets taken out."""
    rule = RedactedBy(rule="password", count=3)
    return Index(
        **msgspec.structs.asdict(ABOUT),
        files=files,
        missing=missing,
        redaction=Redaction(on=True, rules=(rule,)),
    )


def test_the_outcome_says_where_how_much_and_what_was_cut() -> None:
    """One line at the end of a run."""
    cut = IndexedFile(
        path="b", source="b", bytes=1024, lines=2, truncated="the limit of 1.0 KiB for each file"
    )
    said = outcome("bundle /x (1 KiB)", index_of(IndexedFile(path="a", source="a", bytes=1024, lines=1), cut))
    assert said == "bundle /x (1 KiB): 2 files, 2.0 KiB unpacked, 3 secrets taken out, 1 file cut at a limit"


def test_what_is_lacking_is_told_by_reason_the_most_frequent_first() -> None:
    """Five hundred pods of one forbidden namespace are one reason; and no name of a pod drives a terminal."""
    missing = [Missing(path=str(number), source="s", why="not allowed in data") for number in range(500)]
    missing += [
        Missing(path="m", source="m", why="not served", note=True),
        Missing(path="x", source="x", why="gone \x1b[31m"),
        Missing(path="y", source="y", why="reset"),
        Missing(path="z", source="z", why="too slow"),
    ]
    said = lacking(index_of(missing=tuple(missing)))
    assert said.startswith("not allowed in data (500 times); ")
    assert "not served" not in said
    assert "\x1b" not in said
    assert said.endswith("; and 1 other reason")


async def test_progress_tells_logs_files_bytes_and_how_long_is_left(tmp_path: Path) -> None:
    """Somebody is waiting for it."""
    async with a_bundle(Form(tmp_path, NAME), None) as writer:
        gathering = gathering_from(Kubelet({}), writer)
        assert progress_of(gathering, writer)[1].eta_s is None
        gathering.logs.total, gathering.logs.done = 500, 100
        gathering.logs.begun_at = gathering.clock.monotonic() - 10
        text, progress = progress_of(gathering, writer)
    assert text == "100 of 500 logs, 0 files, 0 B"
    assert progress.eta_s is not None
    assert 40 <= progress.eta_s < 4000
