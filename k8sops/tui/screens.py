"""Screens that are opened by name after `:`. Who makes one adds its line here; nothing else in the shell changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from textual.screen import Screen

from k8sops.core.clock import Clock
from k8sops.tui.session import Session

SCREENS: Final[Mapping[str, Callable[[Session, Clock], Screen[Any]]]] = MappingProxyType({})
"""By the name typed."""
