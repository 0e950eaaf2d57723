"""Where a location's credentials come from: never its URL.

Without `env` or `profile`, what the providers' own chains know: environment variables, workload identity, container
and instance metadata; for S3 also the AWS files, which obstore does not read. With `env=DR_`, only variables that begin
so (`DR_AWS_ACCESS_KEY_ID`, …): two locations then have credentials of their own in one process.
"""

from __future__ import annotations

import configparser
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.backup.storage.location import Location
from k8sops.core.clock import Clock
from k8sops.core.errors import CredentialsError

if TYPE_CHECKING:
    from obstore.store import AzureConfig, GCSConfig, S3Credential

    S3Source = Callable[[], S3Credential]

# A profile's keys are read again this often, so that a file that something else renews is followed.
PROFILE_KEPT: Final = timedelta(minutes=10)
_MOST_FILE: Final = 1 << 20
# What holds a secret or leads to one, of what is read here.
_NAMED: Final[dict[str, tuple[str, ...]]] = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    "gs": ("GOOGLE_APPLICATION_CREDENTIALS",),
    "az": ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN"),
}
# Sources that obstore asks by itself, from the process's own environment.
_OTHER_S3_SOURCES: Final = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def s3_source(location: Location, environ: Mapping[str, str], clock: Clock) -> S3Source | None:
    """What to ask for S3 credentials, or None for obstore's own chain. Raises CredentialsError."""
    first = location.env
    key, secret = environ.get(f"{first}AWS_ACCESS_KEY_ID"), environ.get(f"{first}AWS_SECRET_ACCESS_KEY")
    if not location.profile and key and secret:
        return lambda: _s3(key, secret, environ.get(f"{first}AWS_SESSION_TOKEN"), None)
    if first or bool(key) != bool(secret):
        raise CredentialsError(
            f"{location.called}: {first}AWS_ACCESS_KEY_ID and {first}AWS_SECRET_ACCESS_KEY are not both set",
            hint="set both, and AWS_SESSION_TOKEN with the same beginning where they are temporary",
        )
    profile = location.profile or environ.get("AWS_PROFILE", "")
    if not profile and any(environ.get(name) for name in _OTHER_S3_SOURCES):
        return None
    if _profile(profile or "default", environ) is None and not profile:
        return None
    return lambda: _of_profile(location, profile or "default", environ, clock.now() + PROFILE_KEPT)


def gcs_config(location: Location, environ: Mapping[str, str]) -> GCSConfig:
    """What obstore is told of Google credentials; nothing for its own chain. Raises CredentialsError."""
    if not location.env:
        return {}
    name = f"{location.env}GOOGLE_APPLICATION_CREDENTIALS"
    path = environ.get(name)
    if not path:
        raise CredentialsError(f"{location.called}: {name} is not set", hint="it names a file of credentials")
    # obstore knows the emulators' members of a service account's file only where it is told that it is one.
    is_account = _is_service_account(location, name, Path(path))
    return {"service_account": path} if is_account else {"application_credentials": path}


def azure_config(location: Location, environ: Mapping[str, str]) -> AzureConfig:
    """What obstore is told of Azure credentials; nothing for its own chain. Raises CredentialsError."""
    if not location.env:
        return {}
    key = environ.get(f"{location.env}AZURE_STORAGE_ACCOUNT_KEY")
    if key:
        return {"account_key": key, "credential_type": "access_key"}
    sas = environ.get(f"{location.env}AZURE_STORAGE_SAS_TOKEN")
    if sas:
        return {"sas_key": sas, "credential_type": "sas_token"}
    raise CredentialsError(
        f"{location.called}: {location.env}AZURE_STORAGE_ACCOUNT_KEY is not set",
        hint=f"set it, or {location.env}AZURE_STORAGE_SAS_TOKEN",
    )


def source_of(location: Location, environ: Mapping[str, str]) -> str:
    """Where the credentials that are used come from, in words; empty where the provider's own chain knows."""
    first = location.env
    if location.profile:
        return f"the AWS profile {location.profile!r}"
    found = [name for name in _NAMED[location.scheme] if environ.get(first + name)]
    return " and ".join(first + name for name in found)


def _is_service_account(location: Location, name: str, path: Path) -> bool:
    try:
        with path.open("rb") as file:
            found = msgspec.json.decode(file.read(_MOST_FILE))
    except (OSError, msgspec.MsgspecError):
        raise CredentialsError(
            f"{location.called}: {name} names {path}, which cannot be read as a file of Google credentials"
        ) from None
    return isinstance(found, dict) and found.get("type") == "service_account"


def _of_profile(
    location: Location, profile: str, environ: Mapping[str, str], until: datetime
) -> S3Credential:
    found = _profile(profile, environ)
    if found is None:
        raise CredentialsError(
            f"{location.called}: the AWS profile {profile!r} has no access key of its own",
            hint=f"for a role or single sign-on: aws configure export-credentials --profile {profile} --format env",
        )
    return _s3(
        found["aws_access_key_id"], found["aws_secret_access_key"], found.get("aws_session_token"), until
    )


def _profile(profile: str, environ: Mapping[str, str]) -> Mapping[str, str] | None:
    """A profile's keys, from the credentials file first, as AWS's own tools look for them."""
    home = Path(environ.get("HOME") or Path.home()) / ".aws"
    credentials = Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials")
    config = Path(environ.get("AWS_CONFIG_FILE") or home / "config")
    section = profile if profile == "default" else f"profile {profile}"
    for path, name in ((credentials, profile), (config, section)):
        parser = configparser.RawConfigParser(default_section="\0")
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):
            # The parser quotes the line it stumbled over, which can be a key.
            raise CredentialsError(f"{path} cannot be read as an AWS profile file") from None
        if parser.has_section(name):
            found = dict(parser.items(name))
            if found.get("aws_access_key_id") and found.get("aws_secret_access_key"):
                return found
    return None


def _s3(key: str, secret: str, token: str | None, until: datetime | None) -> S3Credential:
    return {"access_key_id": key, "secret_access_key": secret, "token": token or None, "expires_at": until}
