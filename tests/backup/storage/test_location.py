"""Locations as people write them: what they mean, what is refused, and that no refusal repeats a secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.backup.storage.location import Location, check_endpoint, parse_location
from k8sops.core.errors import UsageError

SECRET = "s3cr3t-wJalrXUtnFEMI"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("file:///srv/backups", Location(scheme="file", place="/srv/backups")),
        ("/srv/my backups/", Location(scheme="file", place="/srv/my backups")),
        (
            "file:///srv/my%20backups?read_only=true",
            Location(scheme="file", place="/srv/my backups", read_only=True),
        ),
        ("memory://", Location(scheme="memory")),
        ("s3://acme-backups", Location(scheme="s3", place="acme-backups")),
        (
            "s3://acme/team/k8s?region=eu-west-1&profile=dr&env=DR_",
            Location(
                scheme="s3", place="acme", prefix="team/k8s", region="eu-west-1", profile="dr", env="DR_"
            ),
        ),
        (
            "s3://acme/?endpoint=https://minio.example:9000&ca=/etc/ssl/minio.pem&virtual_hosted=true",
            Location(
                scheme="s3",
                place="acme",
                endpoint="https://minio.example:9000",
                ca="/etc/ssl/minio.pem",
                virtual_hosted=True,
            ),
        ),
        ("gs://acme_backups/x", Location(scheme="gs", place="acme_backups", prefix="x")),
        ("az://nightly/x?account=acme", Location(scheme="az", place="nightly", prefix="x", account="acme")),
    ],
)
def test_a_location_says_where_and_how(text: str, meant: Location) -> None:
    """The URL is all that a schedule keeps of its repository."""
    assert parse_location(text) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "begins with file://"),
        ("backups", "begins with file://"),
        ("ftp://host/x", "not with ftp://"),
        ("file://srv/backups", "three slashes"),
        ("file:///srv/../etc", "without .."),
        ("file:relative", "whole path"),
        ("memory://x", "followed by nothing"),
        ("s3://", "the name of a bucket"),
        ("az:///x", "the name of a container"),
        ("s3://acme/a//b", "the prefix"),
        ("s3://acme/../x", "the prefix"),
        ("s3://acme/%2e%2e/x", "the prefix"),
        ("s3://acme:abc/x", "cannot be read as a URL"),
        ("s3://acme/x#here", "no fragment"),
        ("s3://acme/x?regoin=eu", "no option 'regoin'"),
        ("file:///x?region=eu", "no option 'region'"),
        ("s3://acme?region=a&region=b", "given twice"),
        ("s3://acme?read_only=yes", "true or false"),
        ("s3://acme?region", "cannot be read"),
        ("s3://acme?env=dr", "environment variables"),
        ("s3://acme?ca=minio.pem", "whole path"),
        ("s3://acme?endpoint=minio:9000", "http or https URL"),
        ("s3://acme?endpoint=https://h/%3Fx", "without user, password, query"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(text: str, said: str) -> None:
    """A location that is guessed at is a backup in a place that nobody looks in."""
    with pytest.raises(UsageError, match=said) as caught:
        parse_location(text)
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        f"s3://AKIAEXAMPLE:{SECRET}@acme/x",
        f"s3://{SECRET}@acme",
        f"s3://acme?secret_access_key={SECRET}",
        f"s3://acme?access_key_id=AKIA&aws_secret_access_key={SECRET}",
        f"az://nightly?sas_token={SECRET}",
        f"az://nightly?sig={SECRET}&account=acme",
        f"gs://acme?service_account_key={SECRET}",
        f"s3://acme?endpoint=https://user:{SECRET}@minio",
        f"s3://acme?password={SECRET}",
        f"s3://acme:{SECRET}/x",
        f"s3://acme/x#{SECRET}",
        f"s3://acme?region=eu&{SECRET}",
    ],
)
def test_a_secret_in_a_url_is_refused_and_not_repeated(text: str) -> None:
    """The refusal lands in a terminal's history, a log, a chat."""
    with pytest.raises(UsageError) as caught:
        parse_location(text)
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"


@given(
    st.text(max_size=60)
    | st.from_regex(r"(s3|gs|az|file|memory)://[a-z%@:/?=&#.\[\]-]{0,40}", fullmatch=True)
)
def test_whatever_is_written_is_understood_or_refused(text: str) -> None:
    """A typing error ends in a sentence, never in a traceback; what is understood stays in its place."""
    try:
        found = parse_location(text)
    except UsageError:
        return
    assert ".." not in (*found.place.split("/"), *found.prefix.split("/"))
    assert found.shown.startswith(f"{found.scheme}://")


@pytest.mark.parametrize("endpoint", ["http://minio.minio.svc:9000", "http://192.0.2.7"])
def test_an_endpoint_without_tls_has_to_be_asked_for(endpoint: str) -> None:
    """Whoever is on the way could answer in the storage's place."""
    with pytest.raises(UsageError, match="is not encrypted"):
        check_endpoint(endpoint, plain_http=False)
    assert check_endpoint(endpoint, plain_http=True) == endpoint


def test_this_machine_s_own_endpoint_needs_no_tls() -> None:
    """A tunnel or a test server."""
    assert check_endpoint("http://127.0.0.1:9000", plain_http=False)


def test_a_location_is_shown_without_options() -> None:
    """Options may tell of profiles and files; messages need neither."""
    assert parse_location("s3://acme/x?profile=dr").shown == "s3://acme/x"
    assert parse_location("/srv/backups").shown == "file:///srv/backups"
    assert parse_location("memory://").shown == "memory://"
