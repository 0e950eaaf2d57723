"""Locations as people write them: a URL that says where, options that say how, and never a secret.

    file:///srv/backups
    memory://
    s3://bucket/prefix?region=eu-west-1&endpoint=https://minio.example:9000&ca=/etc/ssl/minio.pem
    gs://bucket/prefix
    az://container/prefix?account=acmebackups

Credentials come from the environment and the providers' own chains (`storage.credentials`); a URL ends up in shell
histories, process lists and audit records.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from k8sops.core.errors import UsageError

Scheme = Literal["file", "memory", "s3", "gs", "az"]

_EVERY: Final = frozenset({"read_only"})
_REMOTE: Final = _EVERY | {"endpoint", "ca", "plain_http", "env"}
_OPTIONS: Final[dict[str, frozenset[str]]] = {
    "file": _EVERY,
    "memory": _EVERY,
    "s3": _REMOTE | {"region", "profile", "virtual_hosted"},
    "gs": _REMOTE,
    "az": _REMOTE | {"account"},
}
_SWITCHES: Final = frozenset({"read_only", "plain_http", "virtual_hosted"})
_SECRET: Final = re.compile(r"key|secret|token|password|sas|sig|credential", re.IGNORECASE)
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}", re.ASCII)
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9._=-]{0,199}", re.ASCII)
_ENV: Final = re.compile(r"[A-Z][A-Z0-9_]{0,60}", re.ASCII)
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A place for a repository.

    `place` is a folder, bucket or container; `env` is put before the names of the environment variables that its
    credentials are read from; `ca` is a file of further authorities that its server's certificate is checked against.
    """

    scheme: Scheme
    place: str = ""
    prefix: str = ""
    read_only: bool = False
    endpoint: str = ""
    ca: str = ""
    plain_http: bool = False
    env: str = ""
    region: str = ""
    profile: str = ""
    virtual_hosted: bool = False
    account: str = ""
    repository: str = ""
    """What the configuration calls it, if it does."""

    @property
    def called(self) -> str:
        """What failures call it: whoever configured several must see at once which of them it is."""
        return f"repository {self.repository} ({self.shown})" if self.repository else self.shown

    @property
    def shown(self) -> str:
        """The location without options: what messages, plans and records say."""
        return f"{self.scheme}://{self.place}" + (f"/{self.prefix}" if self.prefix else "")


def parse_location(text: str) -> Location:
    """What a URL says. Raises UsageError, which never quotes a part that could be a secret."""
    if text.startswith("/"):
        text = Path(text).as_uri()
    url = _split(text)
    scheme = url.scheme
    if scheme not in _OPTIONS:
        raise UsageError(
            "a backup location begins with file://, s3://, gs://, az:// or memory://"
            + (f", not with {scheme}://" if scheme else ""),
            hint="for a folder: file:///path/to/it",
        )
    options = _options(scheme, url.query)
    place, prefix = _folder(url) if scheme == "file" else _bucket(scheme, url)
    for name in ("endpoint", "ca", "env"):
        _check_option(name, str(options.get(name, "")))
    return msgspec.convert({"scheme": scheme, "place": place, "prefix": prefix, **options}, Location)


def check_endpoint(endpoint: str, *, plain_http: bool) -> str:
    """The endpoint, if it may be spoken to. Raises UsageError for one without TLS that is not on this machine."""
    try:
        url = urlsplit(endpoint)
        host = url.hostname
    except ValueError:
        url, host = SplitResult("", "", "", "", ""), None
    if url.scheme not in ("http", "https") or not host or url.query or url.fragment or "@" in url.netloc:
        raise UsageError(
            "the endpoint of a backup location is an http or https URL without user, password, query or fragment",
            hint="for example endpoint=https://minio.example:9000",
        )
    if url.scheme == "http" and not plain_http and host not in _LOOPBACK:
        raise UsageError(
            f"the endpoint http://{host} is not encrypted, so whoever is on the way can take part",
            hint="take https (ca=FILE for an authority of your own), or say plain_http=true",
        )
    return endpoint


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        raise UsageError(
            "the backup location cannot be read as a URL", hint="for example s3://bucket/prefix"
        ) from None
    if "@" in url.netloc or url.password is not None:
        raise UsageError(
            "a backup location holds no credentials: they come from the environment",
            hint="take what stands before the @ out of the URL, and change it: it may be in a shell history by now",
        )
    if url.fragment or "#" in text:
        raise UsageError("a backup location has no fragment (#…)", hint="write # within a name as %23")
    return url


def _options(scheme: str, query: str) -> dict[str, str | bool]:
    options: dict[str, str | bool] = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=20)
    except ValueError:
        raise UsageError(
            "the options of the backup location cannot be read",
            hint="they are written ?name=value&name=value",
        ) from None
    for name, value in pairs:
        if name not in _OPTIONS[scheme]:
            raise _unknown(scheme, name)
        if name in options:
            raise UsageError(f"the option {name} of the backup location is given twice")
        options[name] = _switch(name, value) if name in _SWITCHES else value
    return options


def _unknown(scheme: str, name: str) -> UsageError:
    known = ", ".join(sorted(_OPTIONS[scheme]))
    if _SECRET.search(name):
        return UsageError(
            "a backup location holds no credentials: they come from the environment",
            hint=f"take the option out of the URL, and change what it held; {scheme}:// knows {known}",
        )
    return UsageError(
        f"{scheme}:// locations have no option {name[:40]!r}", hint=f"{scheme}:// knows {known}"
    )


def _switch(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise UsageError(f"the option {name} of the backup location is true or false")
    return value == "true"


def _check_option(name: str, value: str) -> None:
    if not value:
        return
    if name == "env" and _ENV.fullmatch(value) is None:
        raise UsageError(
            "the option env of the backup location is the beginning of environment variables' names",
            hint="for example env=DR_ to read DR_AWS_ACCESS_KEY_ID",
        )
    if name == "ca" and not Path(value).is_absolute():
        raise UsageError("the option ca of the backup location is the whole path of a PEM file")
    if name == "endpoint":
        check_endpoint(value, plain_http=True)


def _folder(url: SplitResult) -> tuple[str, str]:
    if url.netloc not in ("", "localhost"):
        raise UsageError(
            "a folder is written with three slashes: file:///path/to/it",
            hint="a host cannot stand in a file URL",
        )
    path = unquote(url.path)
    if not path.startswith("/") or "\0" in path or ".." in path.split("/"):
        raise UsageError("a folder is written with its whole path, without ..: file:///path/to/it")
    return path.rstrip("/") or "/", ""


def _bucket(scheme: str, url: SplitResult) -> tuple[str, str]:
    prefix = unquote(url.path).strip("/")
    if scheme == "memory":
        if url.netloc or prefix:
            raise UsageError("memory:// is followed by nothing")
        return "", ""
    if _BUCKET.fullmatch(url.netloc) is None:
        what = "container" if scheme == "az" else "bucket"
        raise UsageError(f"{scheme}:// is followed by the name of a {what}", hint=f"{scheme}://{what}/prefix")
    if prefix and not all(_SEGMENT.fullmatch(segment) for segment in prefix.split("/")):
        raise UsageError(
            f"the prefix in {scheme}://{url.netloc} is made of letters, digits, and . _ = - within a name",
            hint=f"{scheme}://{url.netloc}/team/backups",
        )
    return url.netloc, prefix
