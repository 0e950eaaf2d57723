"""The configured repositories: which one is meant, with whose keys, whom to believe, and what was there before."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from k8sops.actions.backups.ports import OpenRepository
from k8sops.backup.chain import Mark
from k8sops.backup.errors import (
    RepositoryError,
    RepositoryKeyError,
    RepositoryRolledBackError,
    RepositoryUntrustedError,
)
from k8sops.backup.keys import BY_PASSPHRASE
from k8sops.backup.storage.errors import ReadOnlyStorageError
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.errors import ExitCode, KeyFileError, UsageError
from k8sops.service.backup_keys import (
    IDENTITY,
    PASSPHRASE_FILE,
    identity_file,
    make_identity,
    open_to_others,
    signing_file,
)
from k8sops.service.config import Config, config_of, load_config
from k8sops.service.repositories import ConfiguredRepositories, where
from k8sops.service.storing import Storage

SHOP = "5a0c6f6e-0d5c-4a3e-9d5a-2f6f3f1c9e10"
NOW = SystemClock().now()


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and a store of the test's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def configured(*repositories: dict[str, Any], **other: Any) -> Config:
    """A configuration with these repositories."""
    return config_of({"repositories": list(repositories), **other})


@asynccontextmanager
async def opened(config: Config, **environ: str) -> AsyncIterator[ConfiguredRepositories]:
    """They, with a store behind them."""
    storage = Storage(config, SystemClock(), UlidSource())
    yield ConfiguredRepositories(config, storage, SystemClock(), UlidSource(), environ=environ)
    await storage.aclose()


def test_a_repository_is_meant_by_name_by_url_or_by_default(tmp_path: Path) -> None:
    """A URL that is configured brings its configuration along."""
    main = {"name": "main", "url": "s3://acme/prod?region=eu-west-1", "env": "DR_", "read_only": True}
    other = {"name": "other", "url": f"file://{tmp_path}/other"}
    config = configured(main, other)
    assert [where(config, text).shown for text in ("", "main", "other", "s3://acme/prod")] == [
        "main", "main", "other", "main",
    ]  # fmt: skip
    assert where(config).location.env == "DR_"
    assert where(config).location.read_only
    assert where(configured(main, other, repository="other")).shown == "other"
    assert where(config, "file:///elsewhere").settings is None
    for wrong in ("nowhere", "ftp://x/y", "s3://KEY:SECRET@bucket/x"):
        with pytest.raises(UsageError) as raised:
            where(config, wrong)
        assert "SECRET" not in f"{raised.value.message}{raised.value.hint}"
    with pytest.raises(UsageError, match="no backup repository is configured"):
        where(Config())


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"name": "Main", "url": "file:///x"}, "repositories.0.name"),
        ({"name": "main", "url": "file:///x", "secret": "hunter2"}, "repositories.0.secret"),
        ({"name": "main", "url": "file:///x", "rpo": "soon"}, "repositories.0.rpo"),
        ({"name": "main", "url": "file:///x", "passphrase_env": "hunter2"}, "repositories.0.passphrase_env"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_key(
    entry: dict[str, Any], told: str, tmp_path: Path
) -> None:
    """And a secret that was put in the wrong place is not printed."""
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"repositories": [entry]}))
    with pytest.raises(UsageError, match=told) as raised:
        load_config({}, {"K8SOPS_CONFIG": str(path)})
    assert "hunter2" not in raised.value.message


async def test_without_a_key_nothing_is_made_unless_that_is_said(tmp_path: Path) -> None:
    """Secrets would lie in the clear."""
    place = f"file://{tmp_path}/r"
    async with opened(Config(repository=place)) as repositories:
        with pytest.raises(UsageError, match="no key is configured") as raised:
            await repositories.make()
        assert "backups key" in raised.value.hint
        assert not (tmp_path / "r" / "repository.json").exists()
        made = await repositories.make(encrypt=False)
        assert not made.vault.keyring.encrypted
        with pytest.raises(RepositoryError, match="not encrypted"):
            (await repositories.open(writing=True)).vault.check_encrypted(encrypt=True)


async def test_the_identity_of_this_installation_opens_what_it_made(tmp_path: Path) -> None:
    """One command, `backups key`, is all it takes."""
    recipient = make_identity(NOW)
    async with opened(Config(repository=f"file://{tmp_path}/r")) as repositories:
        assert await repositories.find() is None
        made = await repositories.make()
        assert made.vault.recipients[1] == {recipient}
        again = await repositories.open()
        assert (again.vault.id, again.signer) == (made.vault.id, None)
        assert again.encrypt
    assert signing_file().stat().st_mode & 0o777 == 0o600


async def test_recipients_of_the_configuration_come_first_and_a_passphrase_stands_alone(
    tmp_path: Path,
) -> None:
    """Each writer is a recipient of its own."""
    make_identity(NOW)
    other = make_identity(NOW, tmp_path / "other.agekey")
    own = await _recipients_of(configured({"name": "own", "url": f"file://{tmp_path}/own"}))
    named = {
        "name": "named",
        "url": f"file://{tmp_path}/named",
        "recipients": [other, *own],
        "identities": [str(identity_file())],
    }
    assert await _recipients_of(configured(named)) == {other, *own}
    word = {"name": "word", "url": f"file://{tmp_path}/word", "passphrase_env": "WORD"}
    assert await _recipients_of(configured(word), WORD="correct horse") == {BY_PASSPHRASE}
    async with opened(configured(word), WORD="wrong horse") as repositories:
        with pytest.raises(RepositoryKeyError):
            await repositories.open()
    async with opened(configured(word)) as repositories:
        with pytest.raises(KeyFileError, match="WORD"):
            await repositories.open()


async def _recipients_of(config: Config, **environ: str) -> frozenset[str]:
    async with opened(config, **environ) as repositories:
        made = await repositories.make()
        return made.vault.recipients[1]


async def test_what_another_signed_is_not_believed_unless_that_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in a repository says whom to trust."""
    from k8sops.service.backup_keys import signing_key

    make_identity(NOW)
    identity = str(identity_file())
    theirs = signing_key().public.text
    url = f"file://{tmp_path}/r"
    async with opened(Config(repository=url)) as repositories:
        await repositories.make()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another machine"))
    stranger = {"name": "r", "url": url, "identities": [identity]}
    async with opened(configured(stranger)) as repositories:
        with pytest.raises(RepositoryUntrustedError):
            await repositories.open()
    async with opened(configured({**stranger, "trusted_signers": [theirs]})) as repositories:
        assert (await repositories.open()).vault.keyring.encrypted


async def test_a_place_that_was_emptied_or_exchanged_is_noticed(tmp_path: Path) -> None:
    """Else the next backup would begin a repository anew, and nobody would miss the old one."""
    make_identity(NOW)
    here, there = tmp_path / "here", tmp_path / "there"
    async with opened(Config(repository=here.as_uri())) as repositories:
        first = (await repositories.make()).vault.id
        await repositories.make(there.as_uri())
        here.rename(tmp_path / "gone")
        with pytest.raises(RepositoryRolledBackError, match=first):
            await repositories.find()
        with pytest.raises(RepositoryError, match=first):
            await repositories.make()
        there.rename(here)
        with pytest.raises(RepositoryRolledBackError, match=f"{first} is expected"):
            await repositories.open()
    expected = {"name": "main", "url": here.as_uri(), "id": first}
    async with opened(configured(expected)) as repositories:
        with pytest.raises(RepositoryRolledBackError):
            await repositories.open()


async def test_a_location_that_is_read_only_is_not_written_to(tmp_path: Path) -> None:
    """A second site during a disaster."""
    make_identity(NOW)
    url = f"file://{tmp_path}/r"
    async with opened(Config(repository=url)) as repositories:
        await repositories.make()
    async with opened(configured({"name": "r", "url": url, "read_only": True})) as repositories:
        found = await repositories.open(writing=True)
        with pytest.raises(ReadOnlyStorageError) as raised:
            await found.vault.storage.put("probes/" + "0" * 32, b"abc")
        assert raised.value.exit_code is ExitCode.FAILED, "no policy denied it"


async def test_a_copy_may_lag_behind_and_must_not_go_back(tmp_path: Path) -> None:
    """What was seen at the first place counts there; a copy of last week is still worth having."""
    make_identity(NOW)
    first, copy = tmp_path / "first", tmp_path / "copy"
    entries = (
        {"name": "first", "url": first.as_uri()},
        {"name": "second", "url": copy.as_uri(), "copy_of": "first"},
    )
    config = configured(*entries, database_url=f"sqlite:///{tmp_path}/store/k8sops.db")
    async with opened(config) as repositories:
        made = await repositories.make()
        await repositories.find()
        await _saw(made, 2)
        shutil.copytree(first, copy)
        lagging = await repositories.open("second")
        assert await lagging.vault.seen.newest(made.vault.id, SHOP) is None
        await _saw(lagging, 1)
        assert await made.vault.seen.newest(made.vault.id, SHOP) == Mark(2, "2" * 64)
        assert await (await repositories.open("second")).vault.seen.newest(made.vault.id, SHOP) == Mark(
            1, "1" * 64
        )
    with pytest.raises(ValueError, match="is no other one of the list"):
        configured({**entries[1], "copy_of": "second"})


async def _saw(repository: OpenRepository, seq: int) -> None:
    await repository.vault.seen.saw(repository.vault.id, SHOP, Mark(seq, f"{seq}" * 64))


def test_keys_that_others_can_read_are_named(tmp_path: Path) -> None:
    """The file's group are others, too; and the passphrase of the environment is a key like any."""
    own, shared, secret = (tmp_path / name for name in ("own", "shared", "secret"))
    for path, mode in ((own, 0o600), (shared, 0o640), (secret, 0o604)):
        path.write_text("x")
        path.chmod(mode)
    entry = {"name": "main", "url": "file:///x", "identities": [str(own), str(shared)]}
    settings = configured(entry).repositories[0]
    assert open_to_others(settings, {}) == [shared]
    assert open_to_others(settings, {PASSPHRASE_FILE: str(secret)}) == [shared, secret]
    assert open_to_others(None, {IDENTITY: str(shared)}) == [shared]
