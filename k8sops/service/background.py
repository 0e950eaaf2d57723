"""A worker left behind when a door closes: it carries what was begun here until nothing is left, then ends.

It is this program again, detached from the terminal, with the same cluster, store and policy.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

from k8sops.service.config import Config, data_folder


async def leave_worker(config: Config) -> int:
    """Start it; returns its pid. It writes what it says to a log in the user's data folder."""
    return await asyncio.to_thread(_start, config)


def log_path() -> str:
    """Where a background worker writes."""
    return str(data_folder() / "worker.log")


def _start(config: Config) -> int:
    data_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(log_path(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        process = subprocess.Popen(  # noqa: S603 - our own program, arguments that are no shell's
            [sys.executable, "-m", "k8sops", "worker", "--until-idle", "--no-health", *_flags(config)],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    return process.pid


def _flags(config: Config) -> list[str]:
    flags = []
    if config.context:
        flags += ["--context", config.context]
    for path in config.kubeconfig:
        flags += ["--kubeconfig", str(path)]
    if config.impersonate_user:
        flags += ["--as", config.impersonate_user]
    for group in config.impersonate_groups:
        flags += ["--as-group", group]
    if config.emergency:
        flags += ["--emergency"]
    return flags
