"""A timeline as doors print it: lines of text, a document, a page; and one that a bundle or a file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from k8sops.bundle.opening import open_bundle
from k8sops.core.timeline import Timeline
from k8sops.timeline.as_html import timeline_html
from k8sops.timeline.as_json import read_timeline, timeline_json
from k8sops.timeline.as_text import timeline_lines, unknown_lines
from k8sops.timeline.merging import matters

__all__ = [
    "bundled_timeline",
    "only_trouble",
    "timeline_html",
    "timeline_json",
    "timeline_lines",
    "unknown_lines",
]

BUNDLED: Final = "timeline.json"


def only_trouble(timeline: Timeline) -> Timeline:
    """Without what tells neither of trouble nor of a change."""
    kept = tuple(one for one in timeline.moments if matters(one))
    return msgspec.structs.replace(timeline, moments=kept)


def bundled_timeline(path: Path) -> Timeline:
    """The timeline that a bundle holds; reads files. Raises UsageError where it is no bundle, or holds none."""
    return read_timeline(open_bundle(path).read(BUNDLED))
