"""What a person is told before minutes of building begin, and while binaries are fetched."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from k8sops.cli.build_progress import BuildDisplay
from k8sops.sandbox.build import BuildProgress

BOTH_WAYS = "K8SOPS_ASSETS_URL=https://… fetches release binaries from a mirror"

READ_ONLY = "k8sops tui --read-only"


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine on which nothing is built yet, and cannot be."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "go").write_text(
        "#!/bin/sh\n[ $1 = version ] && echo go version go1.99.0 linux/amd64 && exit\necho no network >&2\nexit 1\n"
    )
    (tools / "go").chmod(0o755)
    given = {
        name: value for name, value in os.environ.items() if not name.startswith(("K8SOPS_", "KUBEBUILDER_"))
    }
    return {
        **given,
        "PATH": f"{tools}:{given['PATH']}",
        "K8SOPS_CACHE": str(tmp_path / "cache"),
        "K8SOPS_SANDBOX_HOME": str(tmp_path / "home"),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def on_a_terminal(arguments: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """The program on a terminal of its own: the exit code, and all that it wrote there."""
    mine, its = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "k8sops", *arguments], env=environment, stdin=its, stdout=its, stderr=its
    ) as process:
        os.close(its)
        said = b""
        # Linux reports the other side's end as an error.
        with suppress(OSError), os.fdopen(mine, "rb", buffering=0) as terminal:
            while piece := terminal.read(4096):
                said += piece
        return process.wait(120), said.decode()


def test_the_first_demo_on_a_terminal_says_that_there_are_two_ways(bare: dict[str, str]) -> None:
    """Somebody with a minute to spare should not find out after six that there was a quicker way."""
    code, said = on_a_terminal(["demo"], bare)
    assert code == 1
    assert "built here from pinned sources, once: about 6 min" in said
    assert BOTH_WAYS in said
    assert said.index(READ_ONLY) < said.index(BOTH_WAYS)
    assert said.index(BOTH_WAYS) < said.index("could not be built: no network")


def test_the_demo_says_what_it_does_before_anything_else_is_loaded(
    bare: dict[str, str], tmp_path: Path
) -> None:
    """On a slow machine a second passes before there is more to say; a terminal that stays empty looks broken."""
    broken = tmp_path / "broken" / "msgspec"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise SystemExit(3)\n")
    code, said = on_a_terminal(["demo"], {**bare, "PYTHONPATH": str(broken.parent)})
    assert code == 3, said
    assert said.startswith("A real Kubernetes on this machine")
    assert READ_ONLY in said


def test_away_from_a_terminal_and_with_a_mirror_nothing_is_said_of_it(bare: dict[str, str]) -> None:
    """A log has no use for it, and who has named a mirror knows."""
    plain = subprocess.run(
        [sys.executable, "-m", "k8sops", "demo"],
        env=bare,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "could not be built: no network" in plain.stderr
    assert BOTH_WAYS not in plain.stderr
    assert READ_ONLY not in plain.stderr
    code, said = on_a_terminal(["demo"], {**bare, "K8SOPS_ASSETS_URL": "http://127.0.0.1:1/m"})
    assert code == 6
    assert BOTH_WAYS not in said
    assert "the mirror http://127.0.0.1:1/m cannot be reached" in said
    assert "could not be built" not in said


def test_a_fetch_away_from_a_terminal_writes_a_line_per_file() -> None:
    """A log of a first run must be readable; a mirror need not say how large a file is."""
    stream = io.StringIO()
    with BuildDisplay(stream) as display:
        for name, size in (("kube-apiserver", 105_787_554), ("kwok", 0)):
            for received in (1_240_000, 2_000_000):
                display.build(
                    BuildProgress(
                        binary=name, index=1, count=5, fetching=True, received_bytes=received, size_bytes=size
                    )
                )
    assert stream.getvalue().splitlines() == [
        "fetching kube-apiserver (1 of 5), 1.2 of 105.8 MB so far",
        "fetching kwok (1 of 5), 1.2 MB so far",
    ]
