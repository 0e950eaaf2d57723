"""YAML on the screen hides noise and never shows a Secret by accident."""

from __future__ import annotations

from k8sops.core.secret_values import MASK
from k8sops.tui.manifest import manifest_lines
from tests.tui.scenes import SECRET, SECRET_ENCODED, SECRET_TEXT, WEB_POD


def test_managed_fields_are_hidden_until_asked_for() -> None:
    """They are half of every object and of interest to few."""
    assert "managedFields" not in "\n".join(manifest_lines(WEB_POD))
    assert "managedFields" in "\n".join(manifest_lines(WEB_POD, managed_fields=True))


def test_texts_of_several_lines_are_literal_blocks() -> None:
    """A script squeezed into one quoted line cannot be read."""
    lines = manifest_lines(WEB_POD)
    assert "      echo one" in lines
    assert "      echo two" in lines


def test_no_form_of_a_secret_value_is_shown() -> None:
    """Its base64 is the value, and kubectl apply keeps a third copy in an annotation."""
    text = "\n".join(manifest_lines(SECRET, managed_fields=True))
    assert SECRET_TEXT not in text
    assert SECRET_ENCODED not in text
    assert f"{MASK} (21 bytes)" in text


def test_a_secret_is_shown_when_asked_for() -> None:
    """Reading one is a legitimate task, but a deliberate one."""
    text = "\n".join(manifest_lines(SECRET, secrets=True))
    assert f"token: {SECRET_TEXT}" in text
    assert SECRET_ENCODED not in text


def test_the_object_itself_is_left_alone() -> None:
    """Masking works on a copy: revealing needs the values."""
    manifest_lines(SECRET)
    assert SECRET["data"]["token"] == SECRET_ENCODED


def test_hostile_text_reaches_no_terminal() -> None:
    """Bidirectional marks are printable to YAML and reorder a line on the screen."""
    text = "\n".join(manifest_lines({"kind": "Pod", "metadata": {"name": "a\u202eb\x1b[2J"}}))
    assert "\u202e" not in text
    assert "\x1b" not in text
