"""Old records move to sealed segments and are dropped in time; what is kept must stay provable."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from k8sops.audit.checkpoints import SignedCheckpoint, sign_checkpoint
from k8sops.audit.export import verify_export
from k8sops.audit.folder import FolderSink
from k8sops.audit.record import genesis
from k8sops.audit.rotation import Segment, droppable, open_segment, rotation_point, seal_segment
from k8sops.audit.verify import verify
from k8sops.core.errors import AuditBrokenError, AuditError
from tests.audit.chains import KEY, NOW, STORE, STRANGER, TRUSTED, Row, a_chain, checkpoint_at

ROWS = a_chain(30)


def sealed(folder: Path, first: int, last: int, days: int = 0, rows: list[Row] = ROWS) -> Segment:
    def sign(seq: int, hash_: str) -> SignedCheckpoint:
        return sign_checkpoint(KEY, origin=STORE, seq=seq, hash_=hash_, at=NOW + timedelta(days=days))

    return seal_segment(
        FolderSink(folder),
        rows[first - 1 : last],
        origin=STORE,
        first=first,
        last=last,
        previous=rows[first - 2][1] if first > 1 else genesis(STORE),
        sign=sign,
    )


def test_what_remains_after_a_rotation_is_proven_with_and_without_the_segments(tmp_path: Path) -> None:
    """Retention must not be a way to lose the proof."""
    segments = [sealed(tmp_path, 1, 10), sealed(tmp_path, 11, 20)]
    assert [open_segment(tmp_path / segment.file.name, TRUSTED) for segment in segments] == segments
    checkpoints = [checkpoint_at(ROWS[19]), checkpoint_at(ROWS[29])]
    rest = verify(ROWS[20:], STORE, checkpoints=checkpoints, trusted=TRUSTED)
    assert (rest.ok, rest.anchor, rest.first, rest.signed_up_to) == (True, "checkpoint", 21, 30)
    with (tmp_path / segments[1].file.name).open("rb") as kept:
        whole = verify_export(kept, checkpoints=checkpoints, trusted=TRUSTED, then=(STORE, ROWS[20:]))
    assert (whole.ok, whole.first, whole.last, whole.signed_up_to) == (True, 11, 30, 30)


def test_only_what_a_trusted_key_signed_before_the_time_is_rotated() -> None:
    """A segment ends at a checkpoint, so that what follows has something to start from."""
    signed = [checkpoint_at(ROWS[9]), checkpoint_at(ROWS[14]), checkpoint_at(ROWS[19], key=STRANGER)]
    late = sign_checkpoint(KEY, origin=STORE, seq=25, hash_=ROWS[24][1], at=NOW + timedelta(days=9))
    found = rotation_point([*signed, late], TRUSTED, NOW + timedelta(days=1))
    assert found == signed[1]
    assert rotation_point([late], TRUSTED, NOW) is None


def test_retention_drops_whole_segments_oldest_first(tmp_path: Path) -> None:
    """A young segment keeps everything after it, whatever its date says: there are no holes."""
    segments = [
        sealed(tmp_path, 1, 10, days=0),
        sealed(tmp_path, 11, 20, days=9),
        sealed(tmp_path, 21, 30, days=1),
    ]
    assert droppable(segments, NOW + timedelta(days=2)) == (segments[0],)
    assert droppable(segments, NOW) == ()
    assert droppable(list(reversed(segments)), NOW + timedelta(days=99)) == tuple(segments)
    with pytest.raises(AuditBrokenError, match="does not follow"):
        droppable([segments[0], segments[2]], NOW)


def test_a_segment_is_never_written_twice_nor_half(tmp_path: Path) -> None:
    """A second file of the same span would be a second history."""
    sealed(tmp_path, 1, 10)
    with pytest.raises(AuditError, match="never overwritten"):
        sealed(tmp_path, 1, 10, days=1)
    with pytest.raises(AuditBrokenError):
        sealed(tmp_path, 11, 20, rows=[*ROWS[:14], *ROWS[15:]])
    assert len(list(tmp_path.iterdir())) == 1


def test_a_segment_that_was_changed_or_signed_by_a_stranger_is_not_opened(tmp_path: Path) -> None:
    """Records are let go of only once their segment holds where it lies."""
    path = tmp_path / sealed(tmp_path, 1, 10).file.name
    with pytest.raises(AuditBrokenError, match="not trusted"):
        open_segment(path, {STRANGER.key_id: STRANGER.public})
    with pytest.raises(AuditBrokenError):
        open_segment(path, {})
    path.write_bytes(path.read_bytes().replace(b"load test", b"load-test"))
    with pytest.raises(AuditBrokenError, match="record 1 was changed"):
        open_segment(path, TRUSTED)
    with pytest.raises(AuditError, match="cannot be read"):
        open_segment(tmp_path / "none", TRUSTED)


def test_the_record_of_a_rotation_says_where_the_records_went(tmp_path: Path) -> None:
    """Whoever meets the gap later finds the file and can tell that it is that one."""
    data = sealed(tmp_path, 1, 10).data
    assert (data["first"], data["last"], data["hash"]) == (1, 10, ROWS[9][1])
    assert len(str(data["sha256"])) == 64
