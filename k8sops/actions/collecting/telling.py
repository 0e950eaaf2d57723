"""How far a bundle is, what became of it, and what it lacks, in sentences."""

from __future__ import annotations

from collections import Counter
from typing import Final

from k8sops.actions.collecting.gathering import Gathering
from k8sops.bundle.file import WHOLE_LIMIT
from k8sops.bundle.index import Index
from k8sops.bundle.writing import BundleWriter
from k8sops.core.events import Progress
from k8sops.core.sizes import size_text
from k8sops.core.text import counted, printable

NAMED: Final = 3


def progress_of(gathering: Gathering, writer: BundleWriter) -> tuple[str, Progress]:
    """How far it is; how long the logs that are left will take by those that are done."""
    logs = gathering.logs
    text = f"{logs.done} of {counted(logs.total, 'log')}, {counted(writer.files, 'file')}, {size_text(writer.size)}"
    return text, Progress(done=logs.done, total=logs.total, unit="logs", eta_s=_left_s(gathering))


def _left_s(gathering: Gathering) -> float | None:
    logs = gathering.logs
    if not logs.done:
        return None
    took = gathering.clock.monotonic() - logs.begun_at
    return round(took * (logs.total - logs.done) / logs.done, 1)


def outcome(where: str, index: Index) -> str:
    """What is in it."""
    size = size_text(sum(file.bytes for file in index.files))
    cut = sum(bool(file.truncated) for file in index.files)
    secrets = sum(rule.count for rule in index.redaction.rules)
    said = [f"{where}: {counted(len(index.files), 'file')}, {size} unpacked"]
    said.append(
        f"{counted(secrets, 'secret')} taken out" if index.redaction.on else "secrets left as they are"
    )
    if cut:
        said.append(f"{counted(cut, 'file')} cut at a limit")
    return ", ".join(said)


def lacking(index: Index) -> str:
    """What is missing of what was asked for: alike reasons once, the most frequent first."""
    reasons = Counter(printable(one.why) for one in index.missing if not one.note)
    for file in index.files:
        reasons.update(printable(why) for why in file.errors)
        if file.truncated.startswith(WHOLE_LIMIT):
            reasons[file.truncated] += 1
    named = [f"{why} ({count} times)" if count > 1 else why for why, count in reasons.most_common(NAMED)]
    more = len(reasons) - NAMED
    return "; ".join(named) + (f"; and {counted(more, 'other reason')}" if more > 0 else "")
