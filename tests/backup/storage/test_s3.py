"""S3 as a real server speaks it: refusals, identities, retention, TLS, pages."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest

from k8sops.backup.storage.errors import NameTakenError
from k8sops.core.errors import CredentialsError, TlsError, UsageError
from tests.backup.storage.places import names, opened
from tests.support.certificates import Authority
from tests.support.s3_signed import S3Admin
from tests.support.storage_servers import KEY, READER_KEY, READER_SECRET, SECRET
from tests.support.tcp_faults import TcpFaults

WRITER = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
READER = {"DR_AWS_ACCESS_KEY_ID": READER_KEY, "DR_AWS_SECRET_ACCESS_KEY": READER_SECRET}


async def test_credentials_that_are_wrong_are_told_and_not_shown(s3_bucket: str) -> None:
    """The first thing that goes wrong, and the message people paste into a chat."""
    for environ in (
        {**WRITER, "AWS_SECRET_ACCESS_KEY": "wrong-secret"},
        {**WRITER, "AWS_ACCESS_KEY_ID": "AKNOBODY"},
    ):
        storage = await opened(f"s3://backups/x?endpoint={s3_bucket}", environ)
        for attempt in (
            storage.put("a", b"1"),
            storage.read("a", at_most=1),
            storage.delete("a"),
            names(storage),
        ):
            with pytest.raises(CredentialsError, match=r"s3://backups/x refused \w+") as caught:
                await attempt
            shown = f"{caught.value.message} {caught.value.hint}"
            assert "\n" not in shown
            assert not any(secret in shown for secret in (SECRET, KEY, "wrong-secret", "Signature="))
            assert caught.value.exit_code == 6


async def test_two_identities_in_one_process_keep_to_their_rights(s3_bucket: str) -> None:
    """A copy's location has credentials of its own; the reader's cannot write, whatever else is in the environment."""
    writer = await opened(f"s3://backups/two?endpoint={s3_bucket}", {**WRITER, **READER})
    reader = await opened(f"s3://backups/two?endpoint={s3_bucket}&env=DR_", {**WRITER, **READER})
    await writer.put("indexes/a", b"1")
    assert await reader.read("indexes/a", at_most=10) == b"1"
    with pytest.raises(CredentialsError, match="refused writing indexes/b: AccessDenied"):
        await reader.put("indexes/b", b"2")
    with pytest.raises(CredentialsError, match="refused deleting indexes/a: AccessDenied"):
        await reader.delete("indexes/a")


async def test_a_listing_of_many_pages_is_whole(s3_bucket: str) -> None:
    """S3 answers a thousand names at a time."""
    storage = await opened(f"s3://backups/many?endpoint={s3_bucket}", WRITER)
    gate = asyncio.Semaphore(20)

    async def put(name: str) -> None:
        async with gate:
            await storage.put(name, b"x")

    wanted = [f"packs/{number % 256:02x}/{number:032x}" for number in range(2_100)]
    await asyncio.gather(*(put(name) for name in wanted))
    assert await names(storage) == sorted(wanted)
    assert await names(storage, after=sorted(wanted)[1_500]) == sorted(wanted)[1_501:]


async def test_a_bucket_with_default_retention_takes_puts_and_keeps_every_version(s3_endpoint: str) -> None:
    """Object lock is what is left when somebody has the writer's keys: what they delete is hidden, not gone."""
    admin = S3Admin(s3_endpoint, KEY, SECRET)
    await admin.make_bucket("locked", days=1)
    storage = await opened(f"s3://locked/x?endpoint={s3_endpoint}", WRITER)
    await storage.put("backups/c/000000000001", b"first")
    with pytest.raises(NameTakenError):
        await storage.put("backups/c/000000000001", b"other")
    await storage.delete("backups/c/000000000001")
    assert await names(storage) == []
    key = "/locked/x/backups/c/000000000001"
    status, listing = await admin.request("GET", "/locked", query={"versions": ""})
    assert status == 200, listing
    version = re.findall(r"<Version>.*?<VersionId>([^<]+)</VersionId>.*?</Version>", listing, re.DOTALL)
    assert len(version) == 1
    assert await admin.request("GET", key, query={"versionId": version[0]}) == (200, "first")
    status, answer = await admin.request("DELETE", key, query={"versionId": version[0]})
    assert status in (403, 409), answer
    assert await admin.request("GET", key, query={"versionId": version[0]}) == (200, "first")


async def test_a_certificate_is_always_checked(
    s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even an environment that says otherwise switches it off; an authority of one's own is named."""
    authority = Authority("storage authority")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    monkeypatch.setenv("AWS_ALLOW_INVALID_CERTIFICATES", "true")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    tls = authority.issue("storage").server_context(tmp_path)
    async with TcpFaults(s3_bucket, tls=tls) as relay:
        url = f"s3://backups/tls?endpoint={relay.endpoint}"
        with pytest.raises(TlsError, match="the certificate of s3://backups/tls cannot be verified"):
            await (await opened(url, WRITER)).put("a", b"1")
        storage = await opened(f"{url}&ca={ca}", WRITER)
        await storage.put("a", b"1")
        assert await names(storage) == ["a"]
    expired = authority.issue("storage", expired=True).server_context(tmp_path)
    async with TcpFaults(s3_bucket, tls=expired) as relay:
        storage = await opened(f"s3://backups/tls?endpoint={relay.endpoint}&ca={ca}", WRITER)
        with pytest.raises(TlsError):
            await names(storage)


async def test_an_endpoint_from_the_environment_is_looked_at_as_well(s3_bucket: str) -> None:
    """`AWS_ENDPOINT_URL` is how S3's likes are usually named; plain HTTP has to be asked for there, too."""
    storage = await opened("s3://backups/env", {**WRITER, "AWS_ENDPOINT_URL_S3": s3_bucket})
    await storage.put("a", b"1")
    assert await names(storage) == ["a"]
    with pytest.raises(UsageError, match="is not encrypted"):
        await opened("s3://backups/env", {**WRITER, "AWS_ENDPOINT_URL": "http://minio.example:9000"})


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("s3://backups/x?env=DR_", "AWS_ENDPOINT_URL"),
        ("gs://backups/x?env=DR_", "GOOGLE_BASE_URL"),
        ("gs://backups/x?env=DR_&endpoint=https://gcs.example", "GOOGLE_BEARER_TOKEN"),
        ("az://backups/x?env=DR_&account=acme", "AZURE_STORAGE_ENDPOINT"),
    ],
)
async def test_another_location_s_variables_are_no_second_copy_s(url: str, name: str) -> None:
    """The client would read them by itself, and the copy go where the first one lies."""
    with pytest.raises(UsageError, match=f"{name} is set and would hold for .*backups/x too"):
        await opened(url, {name: "https://first.example", **READER})


async def test_authorities_that_are_none_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    """A wrong file would otherwise read as a server that cannot be trusted."""
    wrong = tmp_path / "ca.pem"
    wrong.write_text("-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(UsageError, match="holds no certificate"):
        await opened(f"s3://backups?ca={wrong}", WRITER)
    with pytest.raises(UsageError, match="cannot be read"):
        await opened(f"s3://backups?ca={tmp_path}/none.pem", WRITER)


async def test_no_credentials_anywhere_is_said_in_one_sentence(
    s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a laptop the last source is a metadata service that is not there."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
    storage = await opened(f"s3://backups/x?endpoint={s3_bucket}", {"HOME": str(tmp_path)})
    with pytest.raises(CredentialsError, match="no credentials for s3://backups/x could be had"):
        await storage.put("a", b"1")
