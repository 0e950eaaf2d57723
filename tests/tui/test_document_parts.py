"""The pure parts of documents: what stands out, what is found, where it is saved, what of a Secret is told."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from k8sops.core.errors import UsageError
from k8sops.core.secret_values import MASK, decoded, masked
from k8sops.tui.describe import describe_lines
from k8sops.tui.document.finding import Hit, hits_of
from k8sops.tui.document.looks import Span, words_spans, yaml_spans
from k8sops.tui.document.saving import file_name, save
from tests.tui.feeds import START
from tests.tui.scenes import SECRET, WEB_POD


def test_keys_and_values_of_yaml_stand_out_and_text_inside_a_block_does_not() -> None:
    """A script in a ConfigMap must not look like the object's own fields."""
    lines = [
        "spec:",
        "  replicas: 3",
        '  "odd key": yes it is',
        "  - name: web",
        "    script: |",
        "      key: value",
        "      - item",
        "",
        "  - plain",
        "    url: http://x:80",
    ]
    spans = yaml_spans(lines)
    assert spans[0] == (Span(0, 4, "key"), Span(4, 5, "mark"))
    assert spans[1][-1] == Span(12, 13, "value")
    assert spans[2][0] == Span(2, 11, "key")
    assert [span.look for span in spans[3]] == ["mark", "key", "mark"]
    assert spans[4][-1] == Span(12, 13, "mark")
    assert spans[5] == spans[6] == spans[7] == ()
    assert spans[8] == (Span(2, 4, "mark"),)
    assert spans[9][0] == Span(4, 7, "key")


def test_an_item_with_a_block_ends_where_the_next_item_begins() -> None:
    """Arguments of a container are often scripts, one item of several."""
    spans = yaml_spans(["args:", "- |", "  a: b", "- -c", "name: x"])
    assert spans[2] == ()
    assert spans[4][0].look == "key"


def test_labels_headings_and_warnings_of_a_description_stand_out() -> None:
    """The eye looks for the label, then for what went wrong."""
    lines = describe_lines(WEB_POD, None, START)
    looks = dict(zip(lines, words_spans(lines), strict=True))
    assert looks["Name             web-1"] == (Span(0, 16, "label"),)
    assert looks["Containers"][0].look == "heading"
    events = ["Events", "  LAST SEEN  TYPE     REASON", "  13m        Warning  BackOff"]
    assert words_spans(events)[2] == (Span(13, 20, "warn"),)


def test_keys_of_a_secret_are_told_as_they_are_written_and_its_values_by_size() -> None:
    """`Client-id` is not what the application reads."""
    lines = describe_lines({**SECRET, "data": {"client-id": "YWNtZQ=="}}, None, START)
    assert f"  client-id      {MASK} (4 bytes)" in lines


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("image", [Hit(0, 2, 7), Hit(2, 0, 5)]),
        ("Image", [Hit(2, 0, 5)]),
        ("im.ge:", [Hit(0, 2, 8)]),
        ("a[", [Hit(1, 0, 2)]),
        ("z*", []),
        ("", []),
    ],
)
def test_a_text_is_found_smartcase_and_as_a_pattern_where_it_is_one(text: str, found: list[Hit]) -> None:
    """What does not compile is taken as written, and what matches nothing at all is not found everywhere."""
    assert hits_of(text, ["  image: nginx", "a[0]", "ImagePullPolicy"]) == found


def test_a_saved_file_is_ones_own_and_never_over_another(tmp_path: Path) -> None:
    """What is saved may hold what only its owner may read, and a second look must not take the first away."""
    name = file_name("shop/secrets/../token\x1b", "yaml", START)
    assert name == "shop-secrets-..-token-20261121T120000.yaml"
    first, second = save(tmp_path / "saved", name, "a\n"), save(tmp_path / "saved", name, "b\n")
    assert first != second
    assert (first.read_text(), second.read_text()) == ("a\n", "b\n")
    assert first.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="cannot be written"):
        save(first, name, "c")


def test_decoded_values_are_text_where_they_are_text_and_nothing_else_leaks() -> None:
    """A key store is no text, and the copy in the annotation is the same secret in a third place."""
    store = base64.b64encode(b"\x00\xffpem").decode()
    secret = {**SECRET, "data": {**SECRET["data"], "store": store, "empty": ""}}
    shown = decoded(secret)
    assert shown["data"]["token"] == "correct-horse-battery"
    assert shown["data"]["store"] == f"(binary, 5 bytes, in base64) {store}"
    assert shown["data"]["not-base64"] == "zażółć"
    assert shown["data"]["empty"] == ""
    assert "battery" not in str(shown["metadata"])
    assert decoded(WEB_POD) is masked(WEB_POD) is WEB_POD
