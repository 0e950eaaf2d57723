"""The names of our own screens, for whoever has to tell them from kinds before any of them is loaded."""

from __future__ import annotations

from typing import Final

SCREEN_NAMES: Final = (
    "runs",
    "approvals",
    "overview",
    "pulses",
    "fleet",
    "helm",
    "pf",
    "portforward",
    "schedules",
    "backups",
    "audit",
    "policy",
    "settings",
    "aliases",
)
"""As they are typed after the colon; `tui.screens.SCREENS` opens them."""
