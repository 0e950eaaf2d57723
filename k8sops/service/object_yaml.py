"""Objects as YAML, as people write it: block style, texts of several lines as they are."""

from __future__ import annotations

from typing import Any

import yaml


def yaml_text(value: Any, *, escaped: bool = False) -> str:
    """Anything as YAML, as people write it; `escaped` has nothing but ASCII in it. Not made safe for a terminal."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=not escaped, width=10_000))


class _Dumper(yaml.SafeDumper):
    """Block style throughout, and texts of several lines as literal blocks, as people write them."""

    def ignore_aliases(self, data: Any) -> bool:
        """Anchors help no reader."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
