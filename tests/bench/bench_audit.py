"""How fast a chain is verified: `python -m tests.bench.bench_audit`; exits 1 where a limit is missed.

Against bare sha256 over the same bytes in the same run, and as CPU CPU for 100,000 records. Best of several rounds in
turn, since other work on the machine only ever makes a round slower.
"""

from __future__ import annotations

import hashlib
import io
import sys
import time
from collections.abc import Callable

from k8sops.audit.export import verify_export
from k8sops.audit.findings import Row
from k8sops.audit.record import genesis, seal
from k8sops.audit.verify import verify
from tests.audit.chains import STORE, TRUSTED, an_entry, checkpoint_at, exported
from tests.bench.bench_cluster import Figure

RECORDS = 50_000
ROUNDS = 7


def bare(rows: list[Row]) -> None:
    """The least that any verification costs."""
    for _, _, data in rows:
        hashlib.sha256(data).hexdigest()


def best(*works: Callable[[], object]) -> list[float]:
    """CPU seconds of each, the least of several rounds in turn."""
    least = [float("inf")] * len(works)
    for _ in range(ROUNDS):
        for index, work in enumerate(works):
            began = time.process_time()
            work()
            least[index] = min(least[index], time.process_time() - began)
    return least


def figures() -> list[Figure]:
    """Rows of a store, an export, and sealing."""
    entries = [an_entry(number) for number in range(1000)]

    def sealing() -> list[Row]:
        rows, previous = [], genesis(STORE)
        for seq in range(1, RECORDS + 1):
            sealed = seal(entries[seq % 1000], seq, previous)
            previous = sealed.hash
            rows.append((seq, sealed.hash, sealed.data))
        return rows

    began = time.process_time()
    rows = sealing()
    seal_s = time.process_time() - began
    export = exported(rows)
    checkpoint = checkpoint_at(rows[-1])
    bare_s, rows_s, export_s = best(
        lambda: bare(rows),
        lambda: (
            verify(rows, STORE, checkpoints=[checkpoint], trusted=TRUSTED).ok or sys.exit("it does not hold")
        ),
        lambda: verify_export(io.BytesIO(export), trusted=TRUSTED).ok or sys.exit("it does not hold"),
    )
    return [
        Figure(f"audit: {RECORDS:,} records of {len(export) // RECORDS} bytes, bare sha256", bare_s, "s"),
        Figure("audit: verify rows, against bare sha256", rows_s / bare_s, "x"),
        Figure("audit: verify rows, CPU for 100,000", rows_s * 100_000 / RECORDS, "s", 1.0),
        Figure("audit: verify an export, CPU for 100,000", export_s * 100_000 / RECORDS, "s", 1.2),
        Figure("audit: seal, CPU for 100,000", seal_s * 100_000 / RECORDS, "s"),
    ]


def main() -> int:
    """Print the figures."""
    found = figures()
    sys.stdout.write("".join(f"{figure}\n" for figure in found))
    return 0 if all(figure.held for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
