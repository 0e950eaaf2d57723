"""What a Secret holds is nowhere but in the repository, sealed: not in plans, screens, records, logs or errors.

One long way through everything a person does with backups, at whose end all that was said and written is searched.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
import zstandard

from k8sops.cluster.client import KubeCluster
from k8sops.core.clock import SystemClock
from k8sops.core.errors import K8sOpsError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource
from k8sops.sandbox.manager import SandboxHandle
from tests.support.command import Command, Told
from tests.support.persons_at_door import on_cluster
from tests.support.workloads import create

FIRST: Final = "kn0wn-first-value-of-the-password"
LATER: Final = "kn0wn-later-value-of-the-password"
TOKEN: Final = "kn0wn-token-of-a-robot"
EVERY: Final = (FIRST, LATER, TOKEN)
WITHIN_S: Final = 120.0
ADMISSION: Final = "admissionregistration.k8s.io/v1"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"


def coded(value: str) -> str:
    """As a Secret has it."""
    return base64.b64encode(value.encode()).decode()


class Room:
    """A namespace with two Secrets, and everything that commands said of it."""

    def __init__(self, sandbox: SandboxHandle, namespace: str, command: Command) -> None:
        self.namespace = namespace
        self._sandbox = sandbox
        self._command = command
        self._said: dict[str, Told] = {}

    def run(self, code: int, *arguments: str) -> Told:
        """A command that ends so; what it said is kept."""
        told = self._command(*arguments)
        assert told.code == code, (arguments, told)
        self._said[" ".join(arguments)] = told
        return told

    def said(self) -> Iterator[tuple[str, str]]:
        """Which command, and all that it said."""
        for what, told in self._said.items():
            yield f"k8sops {what}", told.out + told.err

    def secret(self, name: str, value: str) -> JsonObject:
        """With kubectl's copy of it in an annotation, as `kubectl apply` leaves it."""
        copy = json.dumps({"kind": "Secret", "data": {"password": coded(value)}, "stringData": {"x": value}})
        annotations = {"kubectl.kubernetes.io/last-applied-configuration": copy}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": self.namespace, "annotations": annotations},
            "data": {"password": coded(value)},
        }

    def make(self, *manifests: JsonObject) -> None:
        """Create some."""

        async def do(cluster: KubeCluster) -> None:
            for manifest in manifests:
                await create(cluster, manifest)

        on_cluster(self._sandbox, do)

    def delete(self, *names: str) -> None:
        """Delete Secrets."""

        async def do(cluster: KubeCluster) -> None:
            secrets = await cluster.resource("secrets")
            for name in names:
                await cluster.delete(secrets, name, self.namespace)

        on_cluster(self._sandbox, do)

    def change(self, name: str, value: str) -> None:
        """Another value."""

        async def do(cluster: KubeCluster) -> None:
            body = self.secret(name, value)
            changed = {"metadata": {"annotations": body["metadata"]["annotations"]}, "data": body["data"]}
            await cluster.patch(await cluster.resource("secrets"), name, self.namespace, body=changed)

        on_cluster(self._sandbox, do)

    def refuse(self) -> None:
        """From now on admission refuses `db`, and `robot` unless it is a dry run, and quotes what is in them."""
        rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"], "operations": ["*"]}
        name = f"{self.namespace}-quotes"
        here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}}}
        policy = {
            "apiVersion": ADMISSION,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "matchConstraints": {"resourceRules": [rule], **here},
                "validations": [
                    {
                        "expression": "object.metadata.name == 'robot' && has(request.dryRun) && request.dryRun",
                        "messageExpression": "object.metadata.name + ' holds ' + string(object.data.password)",
                    }
                ],
            },
        }
        binding = {
            "apiVersion": ADMISSION,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"], "matchResources": here},
        }
        self.make(policy, binding)
        self._until(refused=True)

    def allow(self) -> None:
        """No longer."""

        async def do(cluster: KubeCluster) -> None:
            for kind in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
                await cluster.delete(await cluster.resource(kind), f"{self.namespace}-quotes", "")

        on_cluster(self._sandbox, do)
        self._until(refused=False)

    def _until(self, *, refused: bool) -> None:
        """Wait until API servers have heard of it."""

        async def wait(cluster: KubeCluster) -> None:
            clock, secrets = SystemClock(), await cluster.resource("secrets")
            async with asyncio.timeout(WITHIN_S):
                while await self._refused(cluster, secrets) is not refused:
                    await clock.sleep(0.1)

        on_cluster(self._sandbox, wait)

    async def _refused(self, cluster: KubeCluster, secrets: Resource) -> bool:
        try:
            await cluster.preview_create(secrets, self.secret("db", "probe"))
        except K8sOpsError as error:
            if "db holds" in error.message:
                return True
            raise
        return False


@pytest.fixture
def room(
    sandbox: SandboxHandle,
    kubeconfig: Path,
    cluster_namespace: str,
    own_store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Command,
) -> Room:
    """The administrator, with a repository, a store and keys of the test's own."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("K8SOPS_REPOSITORY", (tmp_path / "repository").as_uri())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    room = Room(sandbox, cluster_namespace, command)
    room.run(0, "backups", "key")
    room.make(room.secret("db", FIRST), room.secret("robot", TOKEN))
    return room


def test_what_a_secret_holds_is_told_nowhere(
    room: Room, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Backup, every look, differences, an export, and restores that admission refuses in the middle, quoting it."""
    caplog.set_level(logging.DEBUG)
    here = ("-n", room.namespace)
    backup = (
        "backup",
        "--include-namespaces",
        room.namespace,
        "--include-kinds",
        "secrets",
        "--name",
        "night",
    )
    room.run(0, *backup, "--plan", "-o", "json")
    room.run(0, *backup, "--yes", "-o", "json")
    room.change("db", LATER)
    room.run(0, *backup, "--yes")
    for arguments in (
        ("list",),
        ("show", "-o", "json"),
        ("browse", "latest", *here),
        ("find", "secret/db", *here, "-o", "json"),
        ("cat", "secret/db", *here),
        ("cat", "secret/robot@1", *here, "-o", "json"),
        ("verify", "--read-data", "100%"),
        ("export", "latest", "--to", str(tmp_path / "exported")),
    ):
        room.run(0, "backups", *arguments)
    for sides in (("1", "2"), ("1", "--live")):
        room.run(8, "backups", "diff", *sides, *here)
        room.run(8, "backups", "diff", *sides, *here, "-o", "json")
    restore = ("restore", "1", *here, "--object", "secret/db", "--object", "secret/robot")
    room.run(0, *restore, "--existing", "update", "--force-conflicts", "--plan")
    room.delete("db", "robot")
    room.refuse()
    try:
        plan = room.run(5, *restore, "--plan", "-o", "json")
        told = room.run(1, *restore, "--allow-partial", "--yes", "-o", "json")
    finally:
        room.allow()
    assert "db holds (hidden)" in plan.out
    assert "robot holds (hidden)" in told.out + told.err
    room.run(0, "runs", "show", told.document["id"])
    room.run(0, "audit", "list", "-o", "json")
    room.run(0, *restore, "--yes", "-o", "json")
    looked = {**dict(room.said()), "the log": caplog.text, **dict(_files(tmp_path))}
    assert any(what.endswith("k8sops.db") for what in looked)
    found = [
        (what, value)
        for what, text in looked.items()
        for value in (*EVERY, *map(coded, EVERY), "AGE-SECRET-KEY", "PRIVATE KEY")
        if value in text
    ]
    assert found == []
    assert FIRST in _decoded(room.run(0, "backups", "cat", "secret/db@1", *here, "--reveal").out)


def _decoded(text: str) -> str:
    """With the first value as a person reads it."""
    return text.replace(coded(FIRST), FIRST)


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """All that was written, but for the keys; of a store every value, unpacked."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path.parent.name == "keys":
            continue
        text = path.read_bytes().decode("latin-1")
        if path.name == "k8sops.db":
            text += "\n".join(_values(path))
        yield str(path.relative_to(folder)), text


def _values(path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(path)) as store:
        for (table,) in store.execute("select name from sqlite_master where type = 'table'").fetchall():
            for row in store.execute(f'select * from "{table}"'):  # noqa: S608 - its own tables
                yield from map(_text, row)


def _text(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    packed = value.startswith(_ZSTD)
    return (zstandard.ZstdDecompressor().decompressobj().decompress(value) if packed else value).decode(
        "latin-1"
    )
