"""Starts the kubelet endpoint: `python -m k8sops.sandbox.kubelet`, with the command line the sandbox writes."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from k8sops.sandbox.kubelet.server import run


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--port", "--page-port", "--kwok-port", "--apiserver-port"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    asyncio.run(
        run(options.folder, options.port, options.page_port, options.kwok_port, options.apiserver_port)
    )


if __name__ == "__main__":
    main()
