"""`k8sops sandbox`: a real control plane on this machine, with simulated nodes.

Only click is imported here; what a command needs is imported when it runs, so that `--help` stays quick.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

from k8sops.cli.console import say
from k8sops.cli.sandbox_cache import cache_group
from k8sops.cli.sandbox_chaos import chaos_group
from k8sops.cli.sandbox_history import HISTORY, env_command
from k8sops.cli.sandbox_options import CONTEXT, name_option, output_option, print_json
from k8sops.cli.sandbox_traffic import traffic_command
from k8sops.sandbox.locations import DEFAULT_NAME, write_private

if TYPE_CHECKING:
    from k8sops.sandbox.status import SandboxStatus

_TOOL: Final = {"ignore_unknown_options": True}
_UNITS: Final = 1024 * 1024

_tool_arguments = click.argument("arguments", nargs=-1, type=click.UNPROCESSED)


@click.group("sandbox", context_settings=CONTEXT)
def sandbox_group() -> None:
    """A real, local control plane with simulated nodes.

    etcd, kube-apiserver, kube-controller-manager and kube-scheduler run as ordinary processes of yours, listening on
    127.0.0.1 only; kwok plays the nodes and their kubelets. Scheduling, rollouts, budgets, RBAC and audit are the real
    thing; containers are not: no image is pulled and nothing runs in a pod.

    \b
    Examples:
      k8sops sandbox up                          start it (the first time builds it, for some minutes)
      k8sops sandbox seed                        fill it with a small company in trouble
      k8sops sandbox kubectl -- get pods -A      look at it with kubectl
      k8sops sandbox chaos latency 300ms         break something, for a while
      k8sops sandbox traffic --updates 100       let its pods change
      k8sops sandbox down                        end it and leave nothing behind
    """  # noqa: D301 - click reads the character


sandbox_group.add_command(cache_group)
sandbox_group.add_command(chaos_group)
sandbox_group.add_command(env_command)
sandbox_group.add_command(traffic_command)


@sandbox_group.command("up")
@name_option
@click.option(
    "--nodes",
    type=click.IntRange(0, 5000),
    default=None,
    help="Simulated nodes: 5 in a new one unless given; a later `up` can add to them.",
)
@click.option("--pods", type=click.IntRange(0), default=0, help="Running pods that a new one holds at once.")
@click.option(
    "--objects",
    type=click.IntRange(0),
    default=0,
    help="Objects that a new one holds at once; nodes and pods are counted among them.",
)
@click.option(
    "--kubernetes-args",
    default="",
    metavar="ARGS",
    help="Further flags for kube-apiserver, as one string; they win over the sandbox's own.",
)
def up_command(name: str, nodes: int | None, pods: int, objects: int, kubernetes_args: str) -> int:
    """Start a sandbox, or whatever is missing of it, and wait until it is ready.

    Ready means: the API server says so, the controllers and the scheduler are healthy, every node is Ready, and a pod
    could be created. The first `up` builds the binaries from source (KUBEBUILDER_ASSETS may name a folder that has
    them); later ones take a few seconds. Running it again repairs what has died.

    With --pods or --objects a new sandbox holds that load when it is ready; the first one of its size keeps a snapshot
    of it for the next (`k8sops sandbox cache`). `seed` brings in the company, and adds load to one that runs.

    \b
    Examples:
      k8sops sandbox up --nodes 20
      k8sops sandbox up --name large --nodes 500 --pods 10000 --objects 20000
      k8sops sandbox up --name two --kubernetes-args '--feature-gates=InPlacePodVerticalScaling=true -v=2'
    """  # noqa: D301 - click reads the character
    import asyncio

    from k8sops.cli.build_progress import BuildDisplay
    from k8sops.sandbox.manager import SandboxManager

    with BuildDisplay(sys.stderr) as display:
        handle = asyncio.run(
            SandboxManager().up(
                name,
                nodes=nodes,
                pods=pods,
                objects=objects,
                apiserver_arguments=_arguments(kubernetes_args),
                report=display.build,
                say=display.say,
            )
        )
    was = "was running already" if handle.was_running else "is ready"
    click.echo(f"sandbox {name} {was}: {handle.nodes} nodes, API server {handle.server}")
    click.echo(
        f"\n  export KUBECONFIG={handle.kubeconfig}\n  k8sops get nodes          (context {handle.context})"
    )
    suffix = "" if name == DEFAULT_NAME else f" --name {name}"
    click.echo(f"  k8sops sandbox seed{suffix}       fill it\n  k8sops sandbox down{suffix}       end it")
    return 0


@sandbox_group.command("down")
@name_option
@click.option(
    "--keep", is_flag=True, help="Keep data and certificates, so that a later `up` goes on from here."
)
@click.option("--all", "every", is_flag=True, help="All sandboxes of this user.")
def down_command(name: str, keep: bool, every: bool) -> int:
    """End a sandbox: no process, port or file of it is left, but what --keep asks for.

    Ending one that is not there is no error.
    """
    import asyncio

    from k8sops.sandbox.manager import SandboxManager

    async def end() -> int:
        manager = SandboxManager()
        names = [status.name for status in await manager.list()] if every else [name]
        for each in names:
            ended = await manager.down(each, keep=keep)
            click.echo(
                f"sandbox {each} {('stopped, data kept' if keep else 'gone') if ended else 'was not there'}"
            )
        return 0

    return asyncio.run(end())


@sandbox_group.command("status")
@name_option
@output_option
def status_command(name: str, output: str) -> int:
    """Show each process of a sandbox, and how many nodes are Ready.

    Exits 0 when all is ready, 1 when anything is missing (`up` repairs it), 2 when there is no such sandbox.
    """
    import asyncio

    from k8sops.sandbox.manager import SandboxManager

    status = asyncio.run(SandboxManager().status(name))
    if output == "json":
        print_json(status)
    else:
        _print_status(status)
    return 0 if status.state == "ready" else 1


@sandbox_group.command("list")
@output_option
def list_command(output: str) -> int:
    """List all sandboxes of this user, running or kept."""
    import asyncio

    from k8sops.sandbox.manager import SandboxManager

    found = asyncio.run(SandboxManager().list())
    if output == "json":
        print_json(found)
        return 0
    if not found:
        say("there is no sandbox; `k8sops sandbox up` makes one")
        return 0
    click.echo(f"{'NAME':<16} {'STATE':<9} {'NODES':<9} {'MEMORY':<8} {'SERVER':<26} CREATED")
    for one in found:
        nodes, memory = f"{one.nodes_ready}/{one.nodes}", f"{_megabytes(one)} MB"
        click.echo(f"{one.name:<16} {one.state:<9} {nodes:<9} {memory:<8} {one.server:<26} {one.created}")
    return 0


@sandbox_group.command("kubeconfig")
@name_option
@click.option("--user", default="", metavar="USER", help="Issue a certificate for this person.")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="A group of theirs; can be repeated.")
@click.option("--faulty", is_flag=True, help="Lead through the proxy of `sandbox chaos proxy`.")
@click.option(
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file, readable by you alone, instead of printing.",
)
def kubeconfig_command(
    name: str, user: str, groups: tuple[str, ...], faulty: bool, target: Path | None
) -> int:
    """Print the administrator's kubeconfig, or one for somebody else, to play several people.

    A new person may do nothing until RBAC says otherwise: bind a role to the user or to a group.

    \b
    Examples:
      k8sops sandbox kubeconfig --user alice --group ops --output alice.kubeconfig
      k8sops sandbox kubectl -- create clusterrolebinding ops --clusterrole=edit --group=ops
      k8sops --kubeconfig alice.kubeconfig get pods -A
    """  # noqa: D301 - click reads the character
    import asyncio

    from k8sops.sandbox.faults.remote import ChaosRemote
    from k8sops.sandbox.manager import SandboxManager

    manager = SandboxManager()
    if groups and not user:
        raise click.UsageError("--group needs --user")
    if faulty:
        asyncio.run(ChaosRemote(name).start())
    if user:
        text = manager.kubeconfig_for(name, user, groups, faulty=faulty)
    else:
        text = (ChaosRemote(name) if faulty else manager.handle(name)).kubeconfig.read_bytes()
    if target is None:
        click.echo(text.decode(), nl=False)
    else:
        write_private(target, text)
        say(f"wrote {target}")
    return 0


@sandbox_group.command("seed")
@name_option
@click.option(
    "--objects", type=click.IntRange(0), default=0, help="Further objects, to see how things scale."
)
@click.option("--pods", type=click.IntRange(0), default=0, help="Running pods among those objects.")
@click.option("--nodes", type=click.IntRange(0), default=0, help="Nodes among those objects.")
@click.option("--no-history", is_flag=True, help="The cluster alone: no runs, schedules and audit trail.")
@output_option
def seed_command(name: str, objects: int, pods: int, nodes: int, no_history: bool, output: str) -> int:
    """Fill a running sandbox with a small company in trouble, the same every time.

    The company's history (runs, votes, schedules, backups, an audit trail) is made once, by real runs, in a store and a
    repository of the sandbox's own; `k8sops sandbox env` leads to it.

    \b
    Examples:
      k8sops sandbox seed
      k8sops sandbox seed --objects 20000 --pods 10000 --nodes 500
    """  # noqa: D301 - click reads the character
    import asyncio

    from k8sops.cli.sandbox_history import make_history_of
    from k8sops.core.documents import struct_document
    from k8sops.sandbox.manager import SandboxManager
    from k8sops.sandbox.seed import seed

    handle = SandboxManager().handle(name)

    report = asyncio.run(seed(handle.kubeconfig, progress=say, objects=objects, pods=pods, nodes=nodes))
    history = None if no_history else make_history_of(handle, say)
    if output == "json":
        print_json(struct_document(report) | {"history": struct_document(history) if history else None})
        return 0
    click.echo(
        f"{sum(report.applied.values())} objects in place, {report.created} of them new, in {report.seconds:.0f} s"
    )
    for line in (*report.story, *(HISTORY if history else ())):
        click.echo(f"  {line}")
    if history:
        suffix = "" if name == DEFAULT_NAME else f" --name {name}"
        click.echo(f'\n  eval "$(k8sops sandbox env{suffix} --user alice)"   look at it as alice')
    return 0


@sandbox_group.command("kubectl", context_settings=_TOOL)
@name_option
@_tool_arguments
def kubectl_command(name: str, arguments: tuple[str, ...]) -> int:
    """Run kubectl of the sandbox's own version against it (built when first wanted).

    \b
    Examples:
      k8sops sandbox kubectl -- get pods -A
      k8sops sandbox kubectl -- logs -f deploy/web -n shop
    """  # noqa: D301 - click reads the character
    from k8sops.sandbox.manager import SandboxManager

    kubeconfig = SandboxManager().handle(name).kubeconfig
    return _become("kubectl", arguments, {"KUBECONFIG": str(kubeconfig)})


@sandbox_group.command("etcdctl", context_settings=_TOOL)
@name_option
@_tool_arguments
def etcdctl_command(name: str, arguments: tuple[str, ...]) -> int:
    """Run etcdctl against a sandbox's database (built when first wanted).

    \b
    Examples:
      k8sops sandbox etcdctl -- get --prefix --keys-only /registry/pods/shop/
      k8sops sandbox etcdctl -- snapshot save saved.db
    """  # noqa: D301 - click reads the character
    from k8sops.sandbox.manager import SandboxManager

    return _become("etcdctl", arguments, SandboxManager().etcdctl_environment(name))


@sandbox_group.command("etcdutl", context_settings=_TOOL)
@_tool_arguments
def etcdutl_command(arguments: tuple[str, ...]) -> int:
    """Run etcdutl on a snapshot or another of etcd's files (built when first wanted).

    \b
    Examples:
      k8sops sandbox etcdutl -- snapshot status saved.db -w table
    """  # noqa: D301 - click reads the character
    return _become("etcdutl", arguments, {})


def _become(tool: str, arguments: tuple[str, ...], environment: dict[str, str]) -> NoReturn:
    """Put the tool in this process's place, so that its terminal, signals and exit code are its own."""
    import asyncio

    from k8sops.cli.build_progress import BuildDisplay
    from k8sops.sandbox.binaries import ensure_binary

    with BuildDisplay(sys.stderr) as display:
        binary = asyncio.run(ensure_binary(tool, report=display.build))
    sys.stdout.flush()
    os.execve(binary, [str(binary), *arguments], {**os.environ, **environment})  # noqa: S606


def _arguments(text: str) -> tuple[str, ...]:
    from k8sops.core.errors import UsageError

    try:
        arguments = tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"--kubernetes-args cannot be read: {error}", hint="close the quotes") from error
    wrong = [argument for argument in arguments if not argument.startswith("-")]
    if wrong:
        raise UsageError(f"{wrong[0]!r} in --kubernetes-args is no flag", hint="write --flag=value")
    return arguments


def _print_status(status: SandboxStatus) -> None:
    from k8sops.cli.console import paint, put

    style = {"ready": "low", "stopped": "warning", "starting": "warning"}.get(status.state, "blocker")
    put(f"sandbox {status.name}: {paint(status.state, style, sys.stdout, bold=True)}")
    put(f"  nodes      {status.nodes_ready} of {status.nodes} Ready")
    if status.load is not None:
        put(f"  load       {status.load.pods:,} pods, {status.load.rest:,} other objects")
    put(f"  server     {status.server}\n  kubeconfig {status.kubeconfig}")
    put(f"  created    {status.created}, {status.versions.replace('_', ' ')}\n")
    for one in status.components:
        word, style = ("running", "low") if one.running else ("gone", "blocker")
        memory = f"{one.memory_bytes // _UNITS} MB" if one.running else "-"
        painted = paint(f"{word:<8}", style, sys.stdout)
        put(f"  {one.component:<24} {painted} pid {one.pid:<8} {memory:>7}  port {one.port}")
    if status.faults:
        put("\nfaults in force (`k8sops sandbox chaos clear` ends them)")
    for fault in status.faults:
        put(f"  {fault.id:<24} {paint(fault.text, 'warning', sys.stdout)}, until {fault.until[11:19]} UTC")
    if status.state == "degraded":
        put(f"\n`k8sops sandbox up --name {status.name}` starts {', '.join(status.gone)} again")


def _megabytes(status: SandboxStatus) -> int:
    return sum(one.memory_bytes for one in status.components) // _UNITS
