"""What a team adds to the built-in rules of redaction, as its configuration says it, and what forms texts have.

Apart from `k8sops.redact`, which compiles patterns: every command reads the configuration, few redact. Whether a rule
can be used is found there; here is only its form.
"""

from __future__ import annotations

from enum import Enum

import msgspec


class TextForm(Enum):
    """What a text is, as whoever opens it knows: all but a whole text may begin in the middle of something."""

    WHOLE = "whole"
    LOG = "log"
    STAMPED_LOG = "stamped log"
    """Each line led by its time, as the log API has it with `timestamps=true`."""
    RUNTIME_LOG = "runtime's log"
    """As it lies on a node: time, stream and a tag before each line (CRI)."""
    JOURNAL = "journal"
    """Time, node and unit before each line."""


class RedactionRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule of one's own: what the pattern matches is taken out, or only its group where it has one."""

    name: str
    pattern: str


class RedactionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Beside the built-in rules, which always apply."""

    rules: tuple[RedactionRule, ...] = ()
    allow: tuple[str, ...] = ()
    """Values that stay, written out."""
    allow_patterns: tuple[str, ...] = ()
    """Patterns of whole values that stay."""
    emails: bool = False
    addresses: bool = False
    """IPv4 and IPv6; not of the machine itself."""
