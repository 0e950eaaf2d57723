"""Files of a person's own: replaced whole, not over somebody else's change, tokens for their owner alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from k8sops.core.errors import ConflictError, UsageError
from k8sops.service.own_files import keep_secrets, kept_secrets, replace_text, text_of


def test_tokens_are_kept_among_other_lines(tmp_path: Path) -> None:
    """The file may be a service's, with a comment on each line."""
    path = tmp_path / "slack.env"
    path.write_text('# the bot\nexport A="old"\nOTHER=x y\n')
    path.chmod(0o600)
    keep_secrets(path, {"A": "new", "B": "b"})
    assert path.read_text() == "# the bot\nA=new\nOTHER=x y\nB=b\n"
    assert kept_secrets(path) == {"A": "new", "B": "b", "OTHER": "x y"}


def test_a_new_file_is_its_owner_s_alone_whatever_the_mask(tmp_path: Path) -> None:
    """Between making it and narrowing it somebody could read it."""
    before = os.umask(0)
    try:
        keep_secrets(tmp_path / "deep" / "slack.env", {"A": "1"})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "deep" / "slack.env").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["slack.env"], "no draft is left"


def test_a_file_that_others_can_read_is_not_trusted(tmp_path: Path) -> None:
    """What stands in it is known to them already."""
    path = tmp_path / "slack.env"
    path.write_text("A=hunter2\n")
    path.chmod(0o644)
    with pytest.raises(UsageError, match="can be read by others") as told:
        kept_secrets(path)
    assert "hunter2" not in f"{told.value}{told.value.hint}"


def test_what_somebody_changed_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    """Between the question and the answer an editor may be open."""
    path = tmp_path / "policy.yaml"
    path.write_text("theirs")
    with pytest.raises(ConflictError, match="was changed meanwhile"):
        replace_text(path, "ours", before="shown")
    assert text_of(path) == "theirs"


def test_a_link_stays_a_link_and_a_mode_a_mode(tmp_path: Path) -> None:
    """Policies are linked to where they are kept under version control."""
    real, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    real.write_text("a")
    real.chmod(0o640)
    link.symlink_to(real)
    replace_text(link, "b", before="a")
    assert link.is_symlink()
    assert (real.read_text(), stat.S_IMODE(real.stat().st_mode)) == ("b", 0o640)
