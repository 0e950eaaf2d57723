"""`k8sops worker`: carries queued runs and due schedules, any number of replicas."""

from __future__ import annotations

from typing import Any

import click

from k8sops.cli.settings import connection_options, grace_option, health_options, health_port_of, take_config


@click.command(
    "worker",
    params=[
        click.Option(
            ["--until-idle"],
            is_flag=True,
            help="End once nothing is left that I may carry; schedules are left to other workers.",
        ),
        *health_options(9477),
        grace_option(),
        *connection_options(),
    ],
)
def worker_command(**values: Any) -> int:
    r"""Carry runs that wait for a carrier, and fire schedules, until told to stop.

    Several workers share the work: what one drops, because it died, another takes up within ten seconds. It acts as
    whoever it is signed in as, and as those its policy file names. SIGTERM stops it gracefully: runs end, or are handed
    over to another worker.

    \b
    Examples:
      k8sops worker
      k8sops worker --context prod --health-port 0
    """
    from k8sops.cli.console import say
    from k8sops.cli.running import run_async
    from k8sops.service.worker import WorkerOptions, work

    config = take_config(values)
    options = WorkerOptions(
        until_idle=values["until_idle"],
        health_port=health_port_of(values),
        grace_s=float(values["grace"]),
    )
    try:
        run_async(work(config, options, say))
    except KeyboardInterrupt:
        say("stopped")
    return 0
