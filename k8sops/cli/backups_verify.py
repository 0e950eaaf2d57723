"""`k8sops backups verify`: whether a repository holds what was written to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from k8sops.cli.backup_options import backup_options
from k8sops.cli.settings import take_config

if TYPE_CHECKING:
    from k8sops.service.backup_verifying import Verified, VerifyProgress
    from k8sops.service.config import Config

WRONG: Final = frozenset({"repository_broken", "repository_untrusted"})
TAKE_ANOTHER: Final = (
    "take the file from another location, if there is one: nothing here can be read without it"
)


@click.command(
    "verify",
    params=backup_options(
        click.Option(
            ["--read-data"],
            default="0%",
            show_default=True,
            metavar="SHARE",
            help="How much of what is stored to read back, too, as in 10%; other packs each time.",
        ),
        click.Option(
            ["--accept-rollback"],
            is_flag=True,
            help="The repository was put back to an older state on purpose, or a part of it (a cluster's backups, "
            "newer keys) is lost: take what it shows for the newest.",
        ),
        click.Option(["--reason"], default="", metavar="TEXT", help="Why; recorded with --accept-rollback."),
    ),
)
def verify_command(**values: Any) -> int:
    r"""Prove what the repository holds: signatures, the chain, every digest, and that every pack is there.

    Exits 0 where all is well, 8 where anything is wrong, each named; 6 where the storage or the key is away.

    \b
    Examples:
      k8sops backups verify
      k8sops backups verify --read-data 100%
      k8sops backups verify --accept-rollback --cluster prod-eu --reason 'restored from tape'
    """
    from k8sops.cli.running import run_async

    share = _share(values["read_data"])
    return run_async(_proven(take_config(values), values, share))


def _share(text: str) -> float:
    from k8sops.core.errors import UsageError

    try:
        share = float(text.removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UsageError(f"--read-data {text!r} is no share", hint="say it from 0% to 100%")
    return share


async def _proven(config: Config, values: dict[str, Any], share: float) -> int:
    """Whether all is well; where the repository's own file is what is wrong, that is an answer and no failure."""
    from k8sops.cli.console import report
    from k8sops.core.errors import ExitCode, K8sOpsError

    try:
        return await _verify(config, values, share)
    except K8sOpsError as error:
        if error.code not in WRONG:
            raise
        # The hint of a broken file is this very command.
        told = type(error)(error.message, hint=TAKE_ANOTHER)
        report(told, as_json=values["output"] == "json")
        return ExitCode.DIFFERENT


async def _verify(config: Config, values: dict[str, Any], share: float) -> int:
    from k8sops.cli.backup_progress import Seldom
    from k8sops.cli.console import put, put_json
    from k8sops.core.documents import struct_document
    from k8sops.core.errors import ExitCode
    from k8sops.service.backup_desk import open_backups
    from k8sops.service.backup_verifying import accept_epoch, accept_place, accept_rollback, verify

    line = Seldom()

    def told(at: VerifyProgress) -> None:
        if at.packs:
            line.show(f"read {at.packs_read} of {at.packs} packs")
        else:
            line.show(f"looked at {at.backups} backups")

    if values["accept_rollback"]:
        # What is in the place is settled before what opens there, and that before what one cluster has.
        for accept in (accept_place, accept_epoch):
            if accepted := await accept(config, values["repo"], values["reason"]):
                put(accepted)
                return ExitCode.DONE
    async with open_backups(config, values["repo"]) as desk:
        if values["accept_rollback"]:
            put(await accept_rollback(desk, values["cluster"], values["reason"]))
            return ExitCode.DONE
        try:
            done = await verify(desk, cluster=values["cluster"], read_data=share, on_progress=told)
        finally:
            line.clear()
    if values["output"] == "json":
        put_json(struct_document(done))
    else:
        _put(done)
    return ExitCode.DONE if done.good else ExitCode.DIFFERENT


def _put(done: Verified) -> None:
    from k8sops.cli.console import put, say
    from k8sops.core.sizes import size_text
    from k8sops.core.text import counted

    for one in done.wrong:
        where = f" (number {one.seq} of cluster {one.cluster})" if one.seq else ""
        say(f"error: {one.message}{where}")
    read = f"{counted(done.packs_read, 'pack')} ({size_text(done.bytes_read)}) read back of {done.packs}"
    if done.bundles:
        parts = counted(done.bundle_parts_read, "part")
        read += f"; {counted(done.bundles, 'log bundle')}, {parts} read back"
    found = "nothing is wrong in what was read" if done.good else f"{counted(len(done.wrong), 'thing')} wrong"
    unread = done.packs - done.packs_read
    if unread:
        read += f"; the contents of {counted(unread, 'pack')} were not: --read-data 100% reads them"
    put(
        f"{found}: {counted(done.backups, 'backup')} with {counted(done.objects, 'object')} in "
        f"{done.repository}; {read}"
    )
