"""`k8sops backups key`: what this installation opens backups with, and what it signs them with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from k8sops.cli.settings import output_option

if TYPE_CHECKING:
    from k8sops.service.backup_keys import KeysShown


@click.command(
    "key",
    params=[
        click.Option(
            ["--out"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Make another identity in this file, to be kept elsewhere.",
        ),
        output_option(),
    ],
)
def key_command(**values: Any) -> int:
    r"""Make the age identity that opens this installation's backups, once; show its recipient and the signing key.

    Keep a copy of the identity away from the cluster and from this machine: without it no backup can be read, by
    nobody. The secret itself is not printed; it stands in the file that is named.

    \b
    Examples:
      k8sops backups key
      k8sops backups key --out /media/safe/k8sops.agekey
    """
    from k8sops.cli.console import paint, put, put_json, say
    from k8sops.core.documents import struct_document
    from k8sops.service.backup_keys import show_keys

    shown: KeysShown = show_keys(values["out"])
    if values["output"] == "json":
        put_json(struct_document(shown))
        return 0
    put(f"identity     {shown.identity_file}")
    put(f"recipient    {shown.recipient}")
    put(f"signing key  {shown.signer} {shown.signer_key}")
    if shown.made:
        mark = paint("Keep a copy", "warning", bold=True)
        say(
            f"{mark} of {shown.identity_file} away from this machine: without it nobody can read a backup again."
        )
    say("Others who read these backups trust the signing key in their configuration:")
    say(f"  trusted_signers: ['{shown.signer_key}']")
    return 0
