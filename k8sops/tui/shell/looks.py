"""How the screen looks: the shipped theme, one for eyes that tell red from green badly, and one of high contrast.

Status is never told by colour alone, so that a theme only makes it quicker to see. With NO_COLOR there are shades
only, whatever the theme.
"""

from __future__ import annotations

from typing import Any, Final

from textual.app import App
from textual.theme import Theme

SHIPPED: Final = "textual-dark"
NAMES: Final = {"default": SHIPPED, "light": "textual-light"}
"""Our names for themes that Textual brings along."""

# Okabe and Ito's palette ("Color Universal Design", 2008): told apart by people with any colour vision.
COLOUR_BLIND: Final = Theme(
    name="colour-blind",
    primary="#0072B2",
    secondary="#56B4E9",
    accent="#CC79A7",
    success="#56B4E9",
    warning="#F0E442",
    error="#D55E00",
    foreground="#f2f2f2",
    background="#101418",
    surface="#161b20",
    panel="#20272e",
    dark=True,
)
HIGH_CONTRAST: Final = Theme(
    name="high-contrast",
    primary="#66b3ff",
    secondary="#ffffff",
    accent="#ffff00",
    success="#00ff66",
    warning="#ffcc00",
    error="#ff5555",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1a1a1a",
    text_alpha=1.0,
    dark=True,
)
OFFERED: Final = ("default", "light", COLOUR_BLIND.name, HIGH_CONTRAST.name)


def know_themes(app: App[Any]) -> None:
    """Make our own themes known to an application."""
    for theme in (COLOUR_BLIND, HIGH_CONTRAST):
        app.register_theme(theme)


def theme_named(app: App[Any], name: str) -> str:
    """The theme of this name, ours or Textual's; empty where there is none."""
    found = NAMES.get(name, name)
    return found if found in app.available_themes else ""
