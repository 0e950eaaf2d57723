"""Options and output that the commands below `k8sops sandbox` share; only click is imported here."""

from __future__ import annotations

import re
from typing import Any, Final

import click

from k8sops.sandbox.locations import DEFAULT_NAME

CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

_PARTS: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

name_option = click.option(
    "--name", default=DEFAULT_NAME, show_default=True, metavar="NAME", help="Which sandbox; several can run."
)
output_option = click.option(
    "-o", "--output", "output", type=click.Choice(["text", "json"]), default="text", help="How to print it."
)


class Duration(click.ParamType[float]):
    """A time such as 300ms, 60s, 5m or 1m30s, in seconds."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds. Fails for what is no time, or none at all."""
        if isinstance(value, float):
            return value
        text = str(value)
        parts = _PARTS.findall(text)
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
        if "".join(number + unit for number, unit in parts) != text or seconds <= 0:
            self.fail(f"{text!r} is no time; write it as 300ms, 60s or 5m", param, ctx)
        return seconds


def duration_text(seconds: float) -> str:
    """As `Duration` reads it: 300ms, 45s, 4m30s, 1h."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{rest}s" if rest else ""]
    return "".join(parts)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
