"""Kubeconfigs as people have them: several files, relative paths, rotated tokens, proxies, and mistakes."""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from k8sops.cluster.credentials import load_credentials
from k8sops.cluster.credentials_proxy import bypassed, proxy_for
from k8sops.cluster.identity import Impersonation
from k8sops.core.clock import SystemClock
from k8sops.core.errors import CredentialsError, UnknownContextError, UsageError
from tests.support.certificates import Authority
from tests.support.kubeconfigs import b64, document, write


async def authorization(config: Path, **more: Any) -> str:
    """The Authorization header a kubeconfig leads to."""
    grant = await (await load_credentials(kubeconfig=[config], **more)).grant()
    return dict(grant.headers).get("Authorization", "")


async def test_the_first_of_several_files_wins(tmp_path: Path) -> None:
    """As with kubectl: entries and current context come from the first file that sets them."""
    one = write(tmp_path / "one", document("https://one", context="one", namespace="shop"))
    again = document("https://other", context="one")
    second = write(tmp_path / "two", {**again, "current-context": "two"})
    two = write(tmp_path / "three", document("https://two", context="two"))
    environ = {"KUBECONFIG": os.pathsep.join(map(str, (tmp_path / "absent", one, second, two)))}
    credentials = await load_credentials(environ=environ)
    assert (credentials.context, credentials.server, credentials.namespace) == ("one", "https://one", "shop")
    assert (await load_credentials(context="two", environ=environ)).server == "https://two"


async def test_an_unknown_context_lists_those_that_exist(tmp_path: Path) -> None:
    """The right name is usually one letter away."""
    config = write(tmp_path / "config", document("https://api", context="prod-eu"))
    with pytest.raises(UnknownContextError, match="no context 'prod-us'") as caught:
        await load_credentials(kubeconfig=[config], context="prod-us")
    assert "prod-eu" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a: [", "not valid YAML"),
        ("- a", "not a mapping"),
        ("clusters: 7", "clusters is not a list"),
        ("users: [{}]", "an entry of users has no name"),
        ("kind: Config", "no current context"),
        (yaml.safe_dump(document("ftp://x")), "not the URL of an API server"),
        (
            yaml.safe_dump({**document("https://x"), "clusters": []}),
            "names cluster 'test', which is not defined",
        ),
        (
            yaml.safe_dump(document("https://x", cluster={"proxy-url": "socks5://x"})),
            "'socks5' is not supported",
        ),
        (
            yaml.safe_dump(document("https://x", cluster={"certificate-authority-data": "%"})),
            "certificate-authority-data is not base64",
        ),
        (yaml.safe_dump(document("https://x", user={"as-groups": ["ops"]})), "without a user"),
        (yaml.safe_dump(document("https://x", user={"exec": {"args": ["a"]}})), "`command`"),
    ],
)
async def test_a_malformed_kubeconfig_is_one_sentence(tmp_path: Path, content: str, told: str) -> None:
    """Where and what, never the file's text, which may hold tokens."""
    config = tmp_path / "config"
    config.write_text(content)
    with pytest.raises(UsageError, match=told) as caught:
        await load_credentials(kubeconfig=[config])
    assert "\n" not in caught.value.message


async def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Named outright, a missing file is a mistake; in KUBECONFIG it is custom."""
    with pytest.raises(UsageError, match="No such file"):
        await load_credentials(kubeconfig=[tmp_path / "absent"])
    with pytest.raises(UsageError, match="there is no kubeconfig"):
        await load_credentials(environ={"KUBECONFIG": str(tmp_path / "absent")})


async def test_tokens_and_passwords_become_headers(tmp_path: Path) -> None:
    """The two oldest forms."""
    config = write(tmp_path / "config", document("https://api", user={"token": "abc"}))
    assert await authorization(config) == "Bearer abc"
    config = write(tmp_path / "config", document("https://api", user={"username": "u", "password": "p:w"}))
    assert await authorization(config) == "Basic " + base64.b64encode(b"u:p:w").decode()


class Hours(SystemClock):
    """A clock that a test moves."""

    ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


async def test_a_rotated_token_file_is_read_again(tmp_path: Path) -> None:
    """The kubelet replaces a pod's token every hour; an old one is refused."""
    token, clock = tmp_path / "token", Hours()
    token.write_text("one\n")
    config = write(tmp_path / "config", document("https://api", user={"tokenFile": "token"}))
    credentials = await load_credentials(kubeconfig=[config], clock=clock)
    first = await credentials.grant()
    token.write_text("two\n")
    assert (await credentials.grant()).headers == first.headers
    clock.ahead = 61
    assert dict((await credentials.grant()).headers) == {"Authorization": "Bearer two"}
    token.write_text("three\n")
    assert await credentials.renew(await credentials.grant())
    assert dict((await credentials.grant()).headers) == {"Authorization": "Bearer three"}
    assert not await credentials.renew(await credentials.grant())


async def test_in_a_pod_the_service_account_is_used(tmp_path: Path) -> None:
    """Without a kubeconfig, as every in-cluster client does."""
    (tmp_path / "token").write_text("pod-token")
    (tmp_path / "ca.crt").write_bytes(Authority().pem)
    (tmp_path / "namespace").write_text("ops")
    environ = {
        "KUBERNETES_SERVICE_HOST": "fd00::1",
        "KUBERNETES_SERVICE_PORT": "443",
        "K8SOPS_SERVICE_ACCOUNT_DIR": str(tmp_path),
        "KUBECONFIG": str(tmp_path / "absent"),
    }
    credentials = await load_credentials(environ=environ)
    assert (credentials.server, credentials.namespace) == ("https://[fd00::1]:443", "ops")
    assert dict((await credentials.grant()).headers) == {"Authorization": "Bearer pod-token"}


async def test_client_certificates_come_from_files_or_inline_and_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL wants files; a private key must not stay behind in one."""
    pair = Authority().issue("alice", client=True)
    (tmp_path / "c.crt").write_bytes(pair.certificate)
    (tmp_path / "c.key").write_bytes(pair.key)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    for user in (
        {"client-certificate": "c.crt", "client-key": "c.key"},
        {"client-certificate-data": b64(pair.certificate), "client-key-data": b64(pair.key)},
    ):
        config = write(tmp_path / "config", document("https://api", user=user))
        grant = await (await load_credentials(kubeconfig=[config])).grant()
        assert isinstance(grant.ssl, ssl.SSLContext)
        assert not list(scratch.iterdir())


async def test_a_key_that_does_not_fit_is_told(tmp_path: Path) -> None:
    """Half-updated kubeconfigs happen."""
    authority = Authority()
    user = {
        "client-certificate-data": b64(authority.issue("a", client=True).certificate),
        "client-key-data": b64(authority.issue("b", client=True).key),
    }
    config = write(tmp_path / "config", document("https://api", user=user))
    with pytest.raises(CredentialsError, match="do not fit"):
        await (await load_credentials(kubeconfig=[config])).grant()


async def test_verification_is_off_only_where_the_kubeconfig_says_so(tmp_path: Path) -> None:
    """And then there is a note, because it should not be so."""
    config = write(tmp_path / "config", document("https://api"))
    credentials = await load_credentials(kubeconfig=[config])
    context = (await credentials.grant()).ssl
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert credentials.notes == ()
    config = write(tmp_path / "config", document("https://api", cluster={"insecure-skip-tls-verify": True}))
    credentials = await load_credentials(kubeconfig=[config])
    context = (await credentials.grant()).ssl
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode == ssl.CERT_NONE
    assert "not verified" in credentials.notes[0]


async def test_impersonation_comes_from_the_kubeconfig_or_from_the_caller(tmp_path: Path) -> None:
    """`as` in a kubeconfig is how many administrators make elevated contexts; the caller's word goes first."""
    user = {"as": "root", "as-uid": "1", "as-groups": ["a", "b"], "as-user-extra": {"scope": ["x"]}}
    config = write(tmp_path / "config", document("https://api", user=user))
    credentials = await load_credentials(kubeconfig=[config])
    assert list(credentials.impersonation.headers()) == [
        ("Impersonate-User", "root"),
        ("Impersonate-Uid", "1"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-scope", "x"),
    ]
    given = await load_credentials(kubeconfig=[config], impersonate=Impersonation(user="bob"))
    assert given.impersonation == Impersonation(user="bob")


async def test_oidc_goes_through_the_official_loader(tmp_path: Path) -> None:
    """A valid id token is used as it is; one that cannot be refreshed is a clear error, not an anonymous request."""
    claims = base64.urlsafe_b64encode(b'{"exp": 4102444800, "sub": "alice!"}').decode().rstrip("=")
    token = f"aGVhZGVy.{claims}.c2ln"
    provider = {"name": "oidc", "config": {"id-token": token, "idp-issuer-url": "https://idp.invalid"}}
    config = write(tmp_path / "config", document("https://api", user={"auth-provider": provider}))
    assert await authorization(config) == f"Bearer {token}"
    provider["config"] = {"id-token": "broken"}
    config = write(tmp_path / "config", document("https://api", user={"auth-provider": provider}))
    with pytest.raises(CredentialsError, match="'oidc' gave no token"):
        await authorization(config)


@pytest.mark.parametrize(
    ("host", "no_proxy", "excluded"),
    [
        ("api.example", "", False),
        ("api.example", "*", True),
        ("api.example", "example", True),
        ("api.example", ".example", True),
        ("example", ".example", False),
        ("notexample", "example", False),
        ("api.example", "api.example:8443", False),
        ("api.example", "api.example:443", True),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "11.0.0.0/8, 10.1.2.3", True),
        ("fd00::1", "fd00::/8", True),
        ("127.0.0.1", "", True),
        ("localhost", "", True),
    ],
)
def test_no_proxy_is_read_as_gos_clients_read_it(host: str, no_proxy: str, excluded: bool) -> None:
    """Who sets NO_PROXY for kubectl expects the same from us."""
    assert bypassed(host, 443, no_proxy) is excluded


def test_the_kubeconfigs_proxy_beats_the_environment() -> None:
    """proxy-url belongs to the cluster; HTTPS_PROXY to the machine."""
    environ = {"HTTPS_PROXY": "proxy.example:3128", "NO_PROXY": "corp"}
    assert proxy_for("https://api.example", "http://own:1", environ) == "http://own:1"
    assert proxy_for("https://api.example", "", environ) == "http://proxy.example:3128"
    assert proxy_for("https://api.corp", "", environ) == ""
