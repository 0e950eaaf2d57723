"""What a cluster calls its objects becomes a file name that does no harm on any machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.bundle.naming import LONGEST_PART, LONGEST_PATH, distinct, safe_part, safe_path
from tests.bundle.bundles import NAME, make, names_in


@pytest.mark.parametrize("name", ["web-7d9f", "kube-root-ca.crt", "a_b", "data-0~1"])
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    """A bundle is read by people."""
    assert safe_part(name) == name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("", "%00"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        (".bashrc", "%2Ebashrc"),
        ("system:node", "system%3Anode"),
        ("a\x1b[31mb\n", "a%1B%5B31mb%0A"),
        ("nul.txt", "%6Eul.txt"),
        ("CON", "%43ON"),
        ("ends.", "ends%2E"),
        ("\u202eevil", "%E2%80%AEevil"),
    ],
)
def test_what_would_do_harm_is_spelled_out(name: str, safe: str) -> None:
    """Out of the folder, hidden, a device, or another colour of terminal."""
    assert safe_part(name) == safe


@given(st.text(max_size=400))
def test_every_text_becomes_one_part_of_bounded_length(name: str) -> None:
    """Whatever it is; and a safe one stays, so that it does no harm to ask twice."""
    part = safe_part(name)
    assert part
    assert "/" not in part
    assert part not in {".", ".."}
    assert len(part) <= LONGEST_PART
    assert part.isascii()
    assert safe_part(part) == part


@given(st.lists(st.text(max_size=60), min_size=1, max_size=40))
def test_every_path_stays_below_where_it_begins(parts: list[str]) -> None:
    """An index that says `../../x` would write there on somebody's machine."""
    path = safe_path("/".join(parts))
    assert not path.startswith("/")
    assert ".." not in path.split("/")
    assert len(path) <= LONGEST_PATH
    assert safe_path(path) == path


@given(st.lists(st.sampled_from(["a", "A", "a/b", "A/b", "a/B", "b.log", "B.LOG", "b.Log"]), unique=True))
def test_names_that_differ_by_case_alone_are_told_apart(paths: list[str]) -> None:
    """Half of all laptops take `Web.log` and `web.log` for one file; and which came first does not matter."""
    placed = distinct(paths)
    assert len({path.casefold() for path in placed.values()}) == len(paths)
    folders = {
        path[:at].casefold() for path in placed.values() for at, sign in enumerate(path) if sign == "/"
    }
    assert not folders & {path.casefold() for path in placed.values()}
    assert placed == distinct(reversed(paths))


async def test_a_hostile_cluster_writes_nothing_elsewhere(tmp_path: Path) -> None:
    """Whatever a source forgot to make safe."""
    bundle = tmp_path / "in"
    written = await make(bundle, {"../../escaped": b"x", "/etc/passwd": b"y", "a\x00b": b"z"}, form="folder")
    assert written.made.folder == bundle / NAME
    assert names_in(tmp_path) == ["in"]
    assert {file.path for file in written.index.files} == {
        "%2E%2E/%2E%2E/escaped", "%00/etc/passwd", "a%00b",
    }  # fmt: skip
