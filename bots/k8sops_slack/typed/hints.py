"""Hints are written for the command line; here what they name is typed behind the slash command, where it can be."""

from __future__ import annotations

import re
from typing import Final

from k8sops.core.errors import UsageError
from k8sops_slack.typed.commands import read_line

_COMMAND: Final = re.compile(r"`k8sops ([^`]+)`")


def as_typed_here(hint: str, program: str) -> str:
    """The hint with its commands as they are typed behind `program`; what only a terminal has stays as it is."""

    def here(found: re.Match[str]) -> str:
        try:
            read_line(found[1], program=program)
        except UsageError:
            return found[0]
        return f"`{program} {found[1]}`"

    return _COMMAND.sub(here, hint)
