"""Credentials come from the environment and from AWS's files, each location's own, and never show."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8sops.backup.storage.credentials import azure_config, gcs_config, s3_source
from k8sops.backup.storage.location import parse_location
from k8sops.core.clock import SystemClock
from k8sops.core.errors import CredentialsError

PAIR = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "hidden-1"}
S3 = parse_location("s3://acme/x")


def _source(url: str, environ: dict[str, str]) -> dict[str, object] | None:
    source = s3_source(parse_location(url), environ, SystemClock())
    return None if source is None else dict(source())


def test_the_environment_comes_first() -> None:
    """As with every tool for AWS."""
    found = _source("s3://acme", {**PAIR, "AWS_SESSION_TOKEN": "token-1", "AWS_PROFILE": "other"})
    assert found == {
        "access_key_id": "AKIA1",
        "secret_access_key": "hidden-1",
        "token": "token-1",
        "expires_at": None,
    }


def test_two_locations_have_credentials_of_their_own() -> None:
    """The second copy must not be writable with what the cluster holds; no token of the first goes along."""
    environ = {**PAIR, "AWS_SESSION_TOKEN": "token-1", "DR_AWS_ACCESS_KEY_ID": "AKIA2"}
    environ["DR_AWS_SECRET_ACCESS_KEY"] = "hidden-2"
    found = _source("s3://acme?env=DR_", environ)
    assert found == {
        "access_key_id": "AKIA2",
        "secret_access_key": "hidden-2",
        "token": None,
        "expires_at": None,
    }


@pytest.mark.parametrize("environ", [{}, PAIR, {"DR_AWS_ACCESS_KEY_ID": "AKIA2"}])
def test_a_location_with_its_own_variables_takes_no_others(environ: dict[str, str]) -> None:
    """Falling back would write to the second place with the first one's rights."""
    with pytest.raises(CredentialsError, match="DR_AWS_ACCESS_KEY_ID and DR_AWS_SECRET_ACCESS_KEY"):
        _source("s3://acme?env=DR_", environ)


def test_half_a_pair_is_refused() -> None:
    """It is a typing error, not a wish for the machine's own role."""
    with pytest.raises(CredentialsError, match="are not both set"):
        _source("s3://acme", {"AWS_ACCESS_KEY_ID": "AKIA1"})


def test_a_profile_is_read_from_aws_s_files_and_read_again(tmp_path: Path) -> None:
    """Something else renews temporary keys in the file while a long backup runs."""
    (tmp_path / ".aws").mkdir()
    credentials = tmp_path / ".aws" / "credentials"
    credentials.write_text(
        "[default]\naws_access_key_id=D\naws_secret_access_key=DS\n[dr]\naws_access_key_id=P\naws_secret_access_key=a%b\n"
    )
    (tmp_path / ".aws" / "config").write_text(
        "[profile deep]\naws_access_key_id=C\naws_secret_access_key=CS\naws_session_token=CT\n"
        "[profile sso]\nsso_session=x\n"
    )
    environ = {"HOME": str(tmp_path)}
    source = s3_source(parse_location("s3://acme?profile=dr"), environ, SystemClock())
    assert source is not None
    first = source()
    assert (first["access_key_id"], first["secret_access_key"]) == ("P", "a%b")
    assert first["expires_at"] is not None
    credentials.write_text("[dr]\naws_access_key_id=P2\naws_secret_access_key=S2\n")
    assert source()["access_key_id"] == "P2"
    deep = _source("s3://acme?profile=deep", environ)
    assert deep is not None
    assert (deep["access_key_id"], deep["token"]) == ("C", "CT")
    credentials.write_text("[default]\naws_access_key_id=D\naws_secret_access_key=DS\n")
    default = _source("s3://acme", environ)
    assert default is not None
    assert default["access_key_id"] == "D"
    with pytest.raises(CredentialsError, match="'sso' has no access key of its own") as caught:
        _source("s3://acme?profile=sso", environ)
    assert "export-credentials --profile sso" in caught.value.hint


def test_without_any_the_provider_s_own_chain_is_asked(tmp_path: Path) -> None:
    """Workload identity, container and instance roles are obstore's to find."""
    assert _source("s3://acme", {"HOME": str(tmp_path)}) is None
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id=D\naws_secret_access_key=DS\n"
    )
    identity = {"HOME": str(tmp_path), "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token"}
    assert _source("s3://acme", identity) is None


def test_a_broken_profile_file_does_not_show_its_lines(tmp_path: Path) -> None:
    """The line that cannot be read may be the key."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("aws_secret_access_key hidden-3\n")
    with pytest.raises(CredentialsError, match="cannot be read as an AWS profile file") as caught:
        _source("s3://acme", {"HOME": str(tmp_path)})
    assert "hidden-3" not in f"{caught.value.message}{caught.value.hint}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_google_s_and_azure_s_own_variables(tmp_path: Path) -> None:
    """The same beginning serves all three."""
    gs, az = parse_location("gs://acme?env=DR_"), parse_location("az://nightly?account=acme&env=DR_")
    account, person = tmp_path / "account.json", tmp_path / "person.json"
    account.write_text('{"type": "service_account"}')
    person.write_text('{"type": "authorized_user"}')
    name = "DR_GOOGLE_APPLICATION_CREDENTIALS"
    assert gcs_config(parse_location("gs://acme"), {}) == {}
    assert gcs_config(gs, {name: str(account)}) == {"service_account": str(account)}
    assert gcs_config(gs, {name: str(person)}) == {"application_credentials": str(person)}
    with pytest.raises(CredentialsError, match="DR_GOOGLE_APPLICATION_CREDENTIALS is not set"):
        gcs_config(gs, {"GOOGLE_APPLICATION_CREDENTIALS": str(account)})
    with pytest.raises(CredentialsError, match="cannot be read as a file of Google credentials"):
        gcs_config(gs, {name: str(tmp_path / "none.json")})
    assert azure_config(az, {"DR_AZURE_STORAGE_ACCOUNT_KEY": "k"})["account_key"] == "k"
    assert azure_config(az, {"DR_AZURE_STORAGE_SAS_TOKEN": "sv=1&sig=x"})["credential_type"] == "sas_token"
    with pytest.raises(CredentialsError, match="DR_AZURE_STORAGE_ACCOUNT_KEY is not set"):
        azure_config(az, {"AZURE_STORAGE_ACCOUNT_KEY": "other"})
