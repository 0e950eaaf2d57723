"""Every kind of storage in turn, opened as a user opens it: by its URL and the environment."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from k8sops.backup.storage.location import parse_location
from k8sops.backup.storage.opening import open_storage
from k8sops.backup.storage.port import Storage
from k8sops.core.clock import SystemClock
from tests.backup.storage.places import LIMITS, Place
from tests.support import storage_servers as servers
from tests.support.s3_signed import S3Admin

KINDS = ("folder", "memory", "s3", "gs", "az")


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real S3 server."""
    with servers.seaweed(tmp_path_factory.mktemp("seaweed")) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def azure_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Azurite."""
    with servers.azurite(tmp_path_factory.mktemp("azurite")) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
async def gcs_endpoint(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """fake-gcs-server, with the XML API's conditional PUT in front of it."""
    with servers.fake_gcs(tmp_path_factory.mktemp("gcs")) as endpoint:
        await servers.make_gcs_bucket(endpoint, "backups")
        async with servers.XmlFront(endpoint) as front:
            yield front.endpoint


@pytest.fixture(scope="session")
async def s3_bucket(s3_endpoint: str) -> str:
    """The endpoint, with the bucket `backups` on it."""
    await S3Admin(s3_endpoint, servers.KEY, servers.SECRET).make_bucket("backups")
    return s3_endpoint


@pytest.fixture(scope="session")
async def azure_container(azure_endpoint: str) -> str:
    """The endpoint, with the container `backups` on it."""
    await servers.make_container(azure_endpoint, "backups")
    return azure_endpoint


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place of the test's own, of each kind."""
    fresh = f"team-{uuid.uuid4().hex[:12]}/nightly"
    match request.param:
        case "folder":
            return Place(f"file://{tmp_path}/backups", {})
        case "memory":
            return Place("memory://", {})
        case "s3":
            endpoint = request.getfixturevalue("s3_bucket")
            return Place(
                f"s3://backups/{fresh}?endpoint={endpoint}&env=T_",
                {"T_AWS_ACCESS_KEY_ID": servers.KEY, "T_AWS_SECRET_ACCESS_KEY": servers.SECRET},
            )
        case "az":
            endpoint = request.getfixturevalue("azure_container")
            return Place(
                f"az://backups/{fresh}?account={servers.ACCOUNT}&endpoint={endpoint}&env=T_",
                {"T_AZURE_STORAGE_ACCOUNT_KEY": servers.ACCOUNT_KEY},
            )
        case _:
            return _gcs_place(request.getfixturevalue("gcs_endpoint"), fresh, tmp_path)


@pytest.fixture
async def storage(place: Place) -> Storage:
    """The place, opened."""
    return await open_storage(
        parse_location(place.url), environ=place.environ, clock=SystemClock(), limits=LIMITS
    )


def _gcs_place(endpoint: str, fresh: str, folder: Path) -> Place:
    account = folder / "account.json"
    account.write_text(servers.gcs_account(endpoint))
    return Place(
        f"gs://backups/{fresh}?endpoint={endpoint}&env=T_", {"T_GOOGLE_APPLICATION_CREDENTIALS": str(account)}
    )
