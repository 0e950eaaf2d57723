"""What the figures of pods and nodes are called; by itself, since a table shows the names before it loads figures."""

from __future__ import annotations

from typing import Final

from k8sops.core.tables import Column


def _column(name: str, description: str, *, spare: int = 0, wide: bool = False) -> Column:
    return Column(name=name, type="number", description=description, priority=int(wide), spare=spare)


POD_COLUMNS: Final = (
    _column("CPU", "what its containers use now, in thousandths of a core", spare=1),
    _column("MEM", "what its containers use now", spare=2),
    _column("%CPU/R", "of what it asks for", spare=4),
    _column("%CPU/L", "of its limit", spare=6),
    _column("%MEM/R", "of what it asks for", spare=5),
    _column("%MEM/L", "of its limit", spare=3),
)
NODE_COLUMNS: Final = (
    _column("Pods", "pods on it, and how many it takes"),
    _column("CPU", "what is used of it now", spare=4),
    _column("%CPU", "of what it has to give"),
    _column("%CPU REQ", "what its pods ask for, of what it has to give"),
    _column("MEM", "what is used of it now", spare=3),
    _column("%MEM", "of what it has to give"),
    _column("%MEM REQ", "what its pods ask for, of what it has to give"),
    _column("CPU REQ", "what its pods ask for", wide=True),
    _column("CPU MAX", "what it has to give", wide=True),
    _column("MEM REQ", "what its pods ask for", wide=True),
    _column("MEM MAX", "what it has to give", wide=True),
)
