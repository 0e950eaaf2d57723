"""`k8sops sandbox traffic`: let the pods of a sandbox change, at a steady rate and for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from k8sops.cli.sandbox_options import Duration, name_option, output_option, print_json

if TYPE_CHECKING:
    from k8sops.sandbox.traffic import TrafficReport


@click.command("traffic")
@name_option
@click.option(
    "--updates",
    type=click.FloatRange(0, 5000, min_open=True),
    default=50,
    show_default=True,
    help="Changes a second.",
)
@click.option(
    "--for",
    "seconds",
    type=Duration(),
    default="1m",
    show_default=True,
    help="It stops by itself after this time.",
)
@click.option("-n", "--namespace", default="", metavar="NAMESPACE", help="Only pods of this one.")
@click.option(
    "--pods", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Over at most so many."
)
@click.option(
    "--churn",
    type=click.FloatRange(0, 1),
    default=0,
    show_default=True,
    help="Share of the changes that create or delete a pod.",
)
@click.option("--through-api", is_flag=True, help="Make each change a request to the API server.")
@output_option
def traffic_command(
    name: str,
    updates: float,
    seconds: float,
    namespace: str,
    pods: int,
    churn: float,
    through_api: bool,
    output: str,
) -> int:
    """Let pods change at a steady rate, to see how screens and tools bear it.

    A change is one more restart of a pod, which every table and watch shows. It goes to the pods of a load
    (`seed --pods`) if there is one, else to those that run. At the end, or on Ctrl-C, every count is put back. With
    --churn pods of its own come and go too; none of them is left.

    Changes go straight into the sandbox's etcd: every client sees each as it would see one made through the API, but it
    passes admission, managed fields and the audit log by, and costs half. --through-api is for those who want the
    API server to have that work too.

    Where the machine cannot do as much, it does what it can and says how much that was; it never catches up in a
    burst.

    \b
    Examples:
      k8sops sandbox traffic --updates 500
      k8sops sandbox traffic --updates 20 --for 10m -n shop --churn 0.1
      k8sops sandbox traffic --updates 100 --through-api
    """  # noqa: D301 - click reads the character
    import asyncio

    from k8sops.cli.console import say
    from k8sops.core.clock import SystemClock
    from k8sops.sandbox.etcdapi import open_etcd_beside
    from k8sops.sandbox.manager import SandboxManager
    from k8sops.sandbox.seed.api import open_api
    from k8sops.sandbox.traffic import CONNECTIONS, Traffic, TrafficPlan

    kubeconfig = SandboxManager().handle(name).kubeconfig
    plan = TrafficPlan(updates=updates, seconds=seconds, namespace=namespace, pods=pods, churn=churn)

    async def run() -> TrafficReport:
        async with (
            open_api(kubeconfig, connections=CONNECTIONS) as api,
            open_etcd_beside(kubeconfig) as etcd,
        ):
            return await Traffic(api, plan, SystemClock(), say, None if through_api else etcd).run()

    report = asyncio.run(run())
    if output == "json":
        print_json(report)
        return 0
    _tell(report, churn)
    return 0


def _tell(report: TrafficReport, churn: float) -> None:
    from k8sops.cli.console import put
    from k8sops.sandbox.traffic import CONNECTIONS

    refused = f", {report.refused:,} refused" if report.refused else ""
    churned = f", {report.created:,} pods created and {report.deleted:,} deleted" if churn else ""
    put(f"{report.updates:,} changes of {report.pods:,} pods in {report.seconds:.0f} s{churned}{refused}")
    put(f"{report.achieved:,.0f} a second of the {report.asked:g} asked for")
    if not report.held:
        put(
            f"This is what this machine can do now: with {CONNECTIONS} connections a change took up to"
            f" {report.p95 * 1000:.0f} ms (19 of 20)."
        )
