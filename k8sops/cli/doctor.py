"""`k8sops doctor`: what is configured, what can be reached, and what one may do, in plain sentences."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from k8sops.cli.settings import connection_options, output_option, take_config

if TYPE_CHECKING:
    from k8sops.service.config import Config


@click.command("doctor", params=[output_option(), *connection_options()])
def doctor_command(**values: Any) -> int:
    """Check configuration and access, in plain sentences.

    Reads only. Exits 0 when all that is looked at is well or merely a warning, 2 when the configuration is not
    valid, 6 when the cluster cannot be reached or refuses the credentials.
    """
    from k8sops.cli.running import run_async

    as_json = values.pop("output") == "json"
    return run_async(_doctor(take_config(values), as_json=as_json))


async def _doctor(config: Config, *, as_json: bool) -> int:
    from k8sops.cli.console import paint, put, put_json
    from k8sops.service.doctor import examine

    marks = {
        "ok": ("✓ ok     ", "low"),
        "warning": ("! warning", "warning"),
        "failure": ("✗ failure", "blocker"),
    }
    checks = []
    async with aclosing(examine(config)) as found:
        async for check in found:
            checks.append(check)
            if as_json:
                continue
            mark, style = marks[check.level]
            put(f"{paint(mark, style)}  {check.subject}: {check.text}")
            if check.hint:
                put(f"             {check.hint}")
    if as_json:
        put_json(
            [
                {"level": check.level, "subject": check.subject, "text": check.text, "hint": check.hint}
                for check in checks
            ]
        )
    return max(check.exit_code for check in checks)
