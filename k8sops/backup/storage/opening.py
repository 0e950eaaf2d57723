"""Opening a location: its URL, the environment and limits become a `Storage`.

What obstore would take from the environment by itself and must not (certificates unchecked, plain HTTP, another
endpoint than the one that was looked at) is said explicitly here, because what is said wins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from k8sops import __version__
from k8sops.backup.storage.credentials import azure_config, gcs_config, s3_source, source_of
from k8sops.backup.storage.location import Location, check_endpoint
from k8sops.backup.storage.port import Storage
from k8sops.core.clock import Clock
from k8sops.core.errors import UsageError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Config

# AWS asks for it on uploads into buckets with default retention; the SHA-256 itself obstore adds and signs.
_S3_WRITING: Final = {"x-amz-sdk-checksum-algorithm": "SHA256"}
_MOST_CA: Final = 1 << 20
# Read by obstore from the process's environment, whatever it is told of credentials.
_ENDPOINTS: Final[dict[str, tuple[str, ...]]] = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
_GOOGLE_KEYS: Final = (
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_BEARER_TOKEN",
)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long a remote storage may take, in seconds.

    One `request` may take as long as 16 MiB do on a slow line; failed ones are repeated, at most `retries` times and
    for as long as `retry_window`, within which signatures and tokens stay valid; `deadline` ends it all.
    """

    connect: float = 10
    request: float = 180
    retries: int = 8
    retry_window: float = 60
    deadline: float = 420


async def open_storage(
    location: Location, *, environ: Mapping[str, str], clock: Clock, limits: Limits | None = None
) -> Storage:
    """The location as a storage; nothing is asked of it yet. Raises UsageError, CredentialsError."""
    storage = await asyncio.to_thread(_open, location, environ, clock, limits or Limits())
    if not location.read_only:
        return storage
    from k8sops.backup.storage.readonly import ReadOnlyStorage  # noqa: PLC0415 - seldom needed

    return ReadOnlyStorage(storage)


def _open(location: Location, environ: Mapping[str, str], clock: Clock, limits: Limits) -> Storage:
    # The implementations are imported when they are chosen: obstore is 15 MB of machine code.
    match location.scheme:
        case "file":
            from k8sops.backup.storage.folder import FolderStorage  # noqa: PLC0415

            return FolderStorage(Path(location.place))
        case "memory":
            from k8sops.backup.storage.memory import MemoryStorage  # noqa: PLC0415

            return MemoryStorage(clock)
        case _:
            return _open_remote(location, environ, clock, limits)


def _open_remote(location: Location, environ: Mapping[str, str], clock: Clock, limits: Limits) -> Storage:
    from obstore.exceptions import BaseError  # noqa: PLC0415

    from k8sops.backup.storage.objectstore import ObjectStorage  # noqa: PLC0415

    endpoint = _endpoint(location, environ)
    client, retry = _client(location, endpoint, limits), _retry(limits)
    try:
        match location.scheme:
            case "s3":
                reading, writing = _s3(location, endpoint, environ, clock, client, retry)
            case "gs":
                reading = writing = _gcs(location, endpoint, environ, client, retry)
            case _:
                reading = writing = _azure(location, endpoint, environ, client, retry)
    except (BaseError, ValueError):
        # Not `from error`: what obstore says can quote a key. Nothing was sent yet.
        raise UsageError(
            f"{location.called} cannot be opened with these options and credentials",
            hint="docs/backup-storage.md lists both",
        ) from None
    return ObjectStorage(
        location.shown,
        reading=reading,
        writing=writing,
        deadline=limits.deadline,
        called=location.called,
        credentials=source_of(location, environ),
    )


def _endpoint(location: Location, environ: Mapping[str, str]) -> str:
    if location.env:
        _refuse_strays(location, environ)
    found = location.endpoint or next(filter(None, map(environ.get, _ENDPOINTS[location.scheme])), "")
    return check_endpoint(found, plain_http=location.plain_http) if found else ""


def _refuse_strays(location: Location, environ: Mapping[str, str]) -> None:
    """A location with variables of its own must not be led elsewhere by those that are meant for another."""
    others = () if location.endpoint else _ENDPOINTS[location.scheme]
    for name in (*others, *(_GOOGLE_KEYS if location.scheme == "gs" else ())):
        if environ.get(name):
            raise UsageError(
                f"{name} is set and would hold for {location.shown} too, which has env={location.env}",
                hint="say endpoint=… in the location's URL, or unset the variable",
            )


def _client(location: Location, endpoint: str, limits: Limits) -> ClientConfig:
    client: ClientConfig = {
        "allow_http": urlsplit(endpoint).scheme == "http",
        "allow_invalid_certificates": False,
        "connect_timeout": timedelta(seconds=limits.connect),
        "timeout": timedelta(seconds=limits.request),
        "user_agent": f"k8sops/{__version__}",
    }
    if location.ca:
        client["root_certificate"] = _authorities(Path(location.ca))
    return client


def _authorities(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            pem = file.read(_MOST_CA)
    except OSError as error:
        raise UsageError(f"the authorities in {path} cannot be read: {error.strerror}") from error
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise UsageError(f"{path} holds no certificate in PEM form", hint="ca= names a file of authorities")
    return pem


def _retry(limits: Limits) -> RetryConfig:
    return {"max_retries": limits.retries, "retry_timeout": timedelta(seconds=limits.retry_window)}


def _s3(
    location: Location,
    endpoint: str,
    environ: Mapping[str, str],
    clock: Clock,
    client: ClientConfig,
    retry: RetryConfig,
) -> tuple[ObjectStore, ObjectStore]:
    from obstore.store import S3Store  # noqa: PLC0415

    config: S3Config = {
        "checksum_algorithm": "SHA256",
        "conditional_put": "etag",
        # Deleting many in one request is not known to every storage that speaks S3.
        "disable_bulk_delete": True,
        "disable_tagging": True,
        "skip_signature": False,
        "unsigned_payload": False,
        "virtual_hosted_style_request": location.virtual_hosted,
        "region": location.region
        or environ.get("AWS_REGION")
        or environ.get("AWS_DEFAULT_REGION")
        or "us-east-1",
    }
    if endpoint:
        config["aws_endpoint_url_s3"] = endpoint
    source = s3_source(location, environ, clock)
    both: list[ObjectStore] = [
        S3Store(
            location.place,
            prefix=location.prefix or None,
            config=config,
            client_options={**client, "default_headers": headers} if headers else client,
            retry_config=retry,
            credential_provider=source,
        )
        for headers in ({}, _S3_WRITING)
    ]
    return both[0], both[1]


def _gcs(
    location: Location, endpoint: str, environ: Mapping[str, str], client: ClientConfig, retry: RetryConfig
) -> ObjectStore:
    from obstore.store import GCSStore  # noqa: PLC0415

    config = gcs_config(location, environ)
    config["skip_signature"] = False
    if endpoint:
        config["base_url"] = endpoint
    return GCSStore(
        location.place,
        prefix=location.prefix or None,
        config=config,
        client_options=client,
        retry_config=retry,
    )


def _azure(
    location: Location, endpoint: str, environ: Mapping[str, str], client: ClientConfig, retry: RetryConfig
) -> ObjectStore:
    from obstore.store import AzureStore  # noqa: PLC0415

    account = location.account or environ.get("AZURE_STORAGE_ACCOUNT_NAME", "")
    if not account:
        raise UsageError(
            f"{location.called} names no storage account",
            hint="say account=… in the location's URL, or set AZURE_STORAGE_ACCOUNT_NAME",
        )
    config = azure_config(location, environ)
    config.update({"account_name": account, "skip_signature": False, "use_emulator": False})
    if endpoint:
        config["endpoint"] = endpoint
    return AzureStore(
        location.place,
        prefix=location.prefix or None,
        config=config,
        client_options=client,
        retry_config=retry,
    )
