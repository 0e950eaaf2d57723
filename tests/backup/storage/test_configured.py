"""A bucket of each provider as a user configures it: `repositories:` in the file, secrets in the environment alone."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import pyrage
import pytest
import yaml

from tests.support import storage_servers as servers

WITHIN_S = 240.0
FIRST = "OFFSITE_"
WRONG = "d3JvbmctY3JlZGVudGlhbA=="


class Bucket(NamedTuple):
    """What a user writes of one, and what is put into the environment; `secret` is the variable with the secret."""

    url: str
    environ: dict[str, str]
    secret: str


class Said(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


class Installation:
    """A user's folders, configuration and environment; each command is a process of its own."""

    def __init__(self, folder: Path, kubeconfig: Path, bucket: Bucket) -> None:
        identity = folder / "backup.agekey"
        identity.write_text(str(pyrage.x25519.Identity.generate()) + "\n")
        identity.chmod(0o600)
        config = folder / "config.yaml"
        entry = {"name": "offsite", "url": bucket.url, "env": FIRST, "identities": [str(identity)]}
        config.write_text(yaml.safe_dump({"repositories": [entry]}))
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "AZURE_", "GOOGLE_", "K8SOPS_REPOSITORY"))
        }
        self.environ = inherited | {
            "KUBECONFIG": str(kubeconfig),
            "K8SOPS_CONFIG": str(config),
            "K8SOPS_DATABASE_URL": f"sqlite:///{folder}/store/k8sops.db",
            "XDG_DATA_HOME": str(folder / "data"),
        }

    async def run(self, *arguments: str, **environ: str) -> Said:
        """Run `k8sops`."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "k8sops", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environ | environ,
        )
        try:
            async with asyncio.timeout(WITHIN_S):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Said(process.returncode or 0, out.decode(), err.decode())


@pytest.fixture(params=["s3", "gs", "az"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Bucket:
    """A bucket on each server in turn, under a prefix of the test's own."""
    fresh = f"team-{uuid.uuid4().hex[:12]}"
    match request.param:
        case "s3":
            endpoint = request.getfixturevalue("s3_bucket")
            return Bucket(
                f"s3://backups/{fresh}?endpoint={endpoint}",
                {f"{FIRST}AWS_ACCESS_KEY_ID": servers.KEY, f"{FIRST}AWS_SECRET_ACCESS_KEY": servers.SECRET},
                f"{FIRST}AWS_SECRET_ACCESS_KEY",
            )
        case "az":
            endpoint = request.getfixturevalue("azure_container")
            return Bucket(
                f"az://backups/{fresh}?account={servers.ACCOUNT}&endpoint={endpoint}",
                {f"{FIRST}AZURE_STORAGE_ACCOUNT_KEY": servers.ACCOUNT_KEY},
                f"{FIRST}AZURE_STORAGE_ACCOUNT_KEY",
            )
        case _:
            endpoint = request.getfixturevalue("gcs_endpoint")
            account = tmp_path / "account.json"
            account.write_text(servers.gcs_account(endpoint))
            name = f"{FIRST}GOOGLE_APPLICATION_CREDENTIALS"
            return Bucket(f"gs://backups/{fresh}?endpoint={endpoint}", {name: str(account)}, name)


async def test_a_configured_bucket_is_backed_up_to_and_read(
    bucket: Bucket, kubeconfig: Path, cluster_namespace: str, tmp_path: Path
) -> None:
    """What was tried part by part is of no use if the parts do not meet in the file that a person writes."""
    here = Installation(tmp_path, kubeconfig, bucket)
    only = ("--include-namespaces", cluster_namespace, "--include-kinds", "configmaps,serviceaccounts")
    made = await here.run("backup", *only, "--name", "first", "--yes", **bucket.environ)
    assert made.code == 0, made
    assert "is complete" in made.err
    listed = await here.run("backups", "list", "--repo", "offsite", "-o", "json", **bucket.environ)
    assert listed.code == 0, listed
    (one,) = _backups(listed)
    assert (one["name"], one["complete"]) == ("first", True)
    verified = await here.run("backups", "verify", "--read-data", "100%", **bucket.environ)
    assert verified.code == 0, verified
    for said in (made, listed, verified):
        _keeps(said, [value for name, value in bucket.environ.items() if name == bucket.secret])


async def test_a_credential_that_is_wrong_or_missing_is_named_and_not_shown(
    bucket: Bucket, kubeconfig: Path, tmp_path: Path
) -> None:
    """With several repositories a person must see at once which of them it is, and which variable to look at."""
    here = Installation(tmp_path, kubeconfig, bucket)
    without = {name: value for name, value in bucket.environ.items() if name != bucket.secret}
    plain = {name.removeprefix(FIRST): value for name, value in bucket.environ.items()}
    missing = await here.run("backups", "list", **without, **plain)
    assert missing.code == 6, missing
    wrong = await here.run("backups", "list", **(bucket.environ | {bucket.secret: WRONG}))
    assert wrong.code == 6, wrong
    for said in (missing, wrong):
        told = said.out + said.err
        (sentence,) = [line for line in told.splitlines() if bucket.secret in line]
        assert f"repository offsite ({bucket.url.partition('?')[0]})" in sentence
        if not bucket.url.startswith("gs:"):
            _keeps(said, [WRONG, bucket.environ[bucket.secret]])


def _backups(said: Said) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(said.out)["backups"]
    return found


def _keeps(said: Said, secrets: list[str]) -> None:
    """None of them is told."""
    for secret in secrets:
        assert secret not in said.out + said.err
