"""`k8sops get`: objects of any kind as the API server would print them, or whole as JSON or YAML."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from k8sops.cli.settings import connection_options, output_option, take_config

if TYPE_CHECKING:
    from k8sops.core.errors import K8sOpsError
    from k8sops.core.ops import Ops
    from k8sops.core.tables import Table, TableQuery
    from k8sops.service.config import Config


@click.command(
    "get",
    params=[
        click.Argument(["kinds"], metavar="KIND[,KIND…]|KIND/NAME"),
        click.Argument(["names"], metavar="[NAME]...", nargs=-1),
        click.Option(["-A", "--all-namespaces"], is_flag=True, help="Every namespace."),
        click.Option(
            ["-l", "--selector"], default="", metavar="LABELS", help="By label, as in `app=web,tier!=cache`."
        ),
        click.Option(
            ["--field-selector"], default="", metavar="FIELDS", help="By field, as in `status.phase=Running`."
        ),
        click.Option(["-w", "--watch"], is_flag=True, help="Go on, printing each row that changes."),
        click.Option(["--no-headers"], is_flag=True, help="Rows only."),
        output_option("text", "wide", "json", "yaml", "name"),
        *connection_options(),
    ],
)
def get_command(**values: Any) -> int:
    r"""Show objects of any kind, custom ones too, with kubectl's columns.

    KIND may be plural, singular, short (po, deploy, sts) or qualified by its group (certificates.acme.example).

    \b
    Examples:
      k8sops get pods -n shop
      k8sops get deploy,sts -A
      k8sops get node/node-1 -o yaml
      k8sops get pods -A --field-selector status.phase=Pending
    """
    from k8sops.cli.running import run_async

    return run_async(_get(take_config(values), values))


async def _get(config: Config, asked: dict[str, Any]) -> int:
    from k8sops.service import open_ops

    kinds, names = _names(asked)
    async with open_ops(config) as ops:
        queries = _queries(asked, kinds, names, "" if asked["all_namespaces"] else ops.default_namespace)
        if asked["output"] in {"json", "yaml"}:
            return await _print_objects(ops, queries, asked)
        if asked["watch"]:
            return await _watch(ops, queries[0], asked)
        return await _print_tables(ops, queries, asked)


def _names(asked: dict[str, Any]) -> tuple[list[str], tuple[str, ...]]:
    """Kinds and names as typed; what contradicts itself is refused before anything is connected."""
    from k8sops.core.errors import UsageError

    kinds, names = str(asked["kinds"]), tuple(asked["names"])
    if "/" in kinds:
        if names:
            raise UsageError(
                f"{kinds!r} and {names[0]!r} both name objects", hint="write KIND/NAME or KIND NAME"
            )
        kinds, _, name = kinds.partition("/")
        names = (name,)
    if names and asked["all_namespaces"]:
        raise UsageError(
            "an object is named, so --all-namespaces says nothing", hint="give -n NAMESPACE instead"
        )
    if names and asked["selector"]:
        raise UsageError("an object is named, so --selector says nothing", hint="give one of the two")
    for name in names:
        if not name or not name.isprintable():
            raise UsageError(
                f"{name!r} is not an object's name: it is empty or holds characters that cannot be printed"
            )
    wanted = [kind for kind in kinds.split(",") if kind]
    if not wanted:
        raise UsageError("no kind is named", hint="as in `k8sops get pods`")
    if asked["watch"] and (len(wanted) > 1 or len(names) > 1):
        raise UsageError("--watch follows one kind", hint="run one command for each kind")
    return wanted, names


def _queries(
    asked: dict[str, Any], kinds: list[str], names: tuple[str, ...], namespace: str
) -> list[TableQuery]:
    from k8sops.core.tables import TableQuery

    bare = bool(namespace) and not asked["watch"] and asked["output"] != "name"
    return [
        TableQuery(
            kind=kind,
            namespace=namespace,
            name=name,
            label_selector=asked["selector"],
            field_selector=asked["field_selector"],
            with_identity=not bare,
        )
        for kind in kinds
        for name in (names or ("",))
    ]


async def _print_tables(ops: Ops, queries: Sequence[TableQuery], asked: dict[str, Any]) -> int:
    from k8sops.cli.console import put, report, say
    from k8sops.cli.table_text import table_lines
    from k8sops.core.errors import ExitCode, K8sOpsError

    code, printed = ExitCode.DONE, False
    for query in queries:
        error: K8sOpsError | None = None
        try:
            table = await ops.table(query)
        except K8sOpsError as refused:
            error = refused
        else:
            if not table.rows:
                # It is that of every kind, so it ends all of it.
                await _look_for_namespace(ops, query, table)
                error = _not_found(query, table) if query.name else None
        if error is not None:
            if len(queries) == 1:
                raise error
            report(error)
            code = error.exit_code
            continue
        if not table.rows:
            where = f" in namespace {query.namespace}" if table.namespaced and query.namespace else ""
            say(f"No {table.kind} found{where}.")
            continue
        if asked["output"] == "name":
            for row in table.rows:
                put(f"{table.kind}/{row.name}")
            continue
        if printed:
            put("")
        lines = table_lines(table, wide=asked["output"] == "wide", namespaces=not query.namespace)
        for line in lines[1:] if asked["no_headers"] else lines:
            put(line)
        printed = True
    return code


async def _look_for_namespace(ops: Ops, query: TableQuery, empty: Table | None = None) -> None:
    """Raise NotFoundError where there is none: nothing is found in a mistyped one, as in a calm one."""
    from k8sops.core.errors import NotFoundError
    from k8sops.service.typed_namespace import meant_instead

    if not (query.namespace and (empty or await ops.table(query)).namespaced):
        return
    near = await meant_instead(ops, query.namespace)
    if near is not None:
        meant = f"did you mean {' or '.join(near)}?" if near else "`k8sops get namespaces` lists them"
        raise NotFoundError(f"namespace {query.namespace} does not exist", hint=meant)


def _not_found(query: TableQuery, table: Table) -> K8sOpsError:
    from k8sops.core.errors import NotFoundError

    where = f" in namespace {query.namespace}" if table.namespaced else ""
    return NotFoundError(
        f"there is no {table.kind}/{query.name}{where}", hint=f"`k8sops get {query.kind}` lists them"
    )


async def _print_objects(ops: Ops, queries: Sequence[TableQuery], asked: dict[str, Any]) -> int:
    found: list[dict[str, Any]] = []
    for query in queries:
        if query.name:
            found.append(await ops.object(query.kind, query.name, query.namespace))
        else:
            found.extend([item async for item in ops.objects(query)])
    if not found:
        for query in queries:
            await _look_for_namespace(ops, query)
    single = len(queries) == 1 and bool(queries[0].name)
    document: dict[str, Any] = found[0] if single else {"apiVersion": "v1", "kind": "List", "items": found}
    if asked["output"] == "json":
        click.echo(json.dumps(document, indent=4, ensure_ascii=True))
    else:
        import yaml

        click.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=False), nl=False)
    return 0


async def _watch(ops: Ops, query: TableQuery, asked: dict[str, Any]) -> int:
    from k8sops.cli.console import put_live, say
    from k8sops.cli.table_text import RowPrinter
    from k8sops.core.errors import ExitCode
    from k8sops.core.tables import FeedState

    live = await ops.rows(query)
    printer = RowPrinter(wide=asked["output"] == "wide", namespaces=not query.namespace)
    trouble, looked = "", False
    try:
        async with aclosing(live.changes()) as changes:
            async for _ in changes:
                if live.state is FeedState.LIVE and not looked:
                    looked = True
                    if not live.rows:
                        await _look_for_namespace(ops, query)
                if live.error is None and live.trouble != trouble:
                    trouble = live.trouble
                    say(trouble or "connected again")
                for line in printer.changed(live, headers=not asked["no_headers"]):
                    put_live(line)
    finally:
        await live.aclose()
    if live.error is not None:
        raise live.error
    return ExitCode.DONE
