"""The command line run in this process, as a script would: arguments in, exit code and both streams out."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from k8sops.cli.main import main


class Told(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its stdout as JSON."""
        return json.loads(self.out)


class Command:
    """Runs `k8sops`; not within an event loop, since each command runs one of its own."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Told:
        """Run it, whatever comes of it."""
        self._capsys.readouterr()
        code = main(arguments)
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        assert "a defect of this program" not in err, err
        return Told(code, out, err)

    def done(self, *arguments: str) -> Told:
        """The same, where it has to succeed."""
        told = self(*arguments)
        assert told.code == 0, told
        return told
