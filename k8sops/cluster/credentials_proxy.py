"""Which proxy leads to the API server: the kubeconfig's, else the environment's, as Go's clients read them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from k8sops.core.errors import UsageError


def proxy_for(server: str, proxy_url: str, environ: Mapping[str, str]) -> str:
    """The proxy's URL, empty for none. `proxy_url` is the kubeconfig's and beats NO_PROXY."""
    proxy = proxy_url or _from_environment(server, environ)
    if not proxy:
        return ""
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    scheme = urlsplit(proxy).scheme
    if scheme not in {"http", "https"}:
        raise UsageError(
            f"a proxy of scheme {scheme!r} is not supported",
            hint="use an http or https proxy in proxy-url or HTTPS_PROXY",
        )
    return proxy


def _from_environment(server: str, environ: Mapping[str, str]) -> str:
    parts = urlsplit(server)
    name = f"{parts.scheme}_proxy"
    proxy = environ.get(name.upper()) or environ.get(name) or ""
    no_proxy = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return "" if not proxy or bypassed(host, port, no_proxy) else proxy


def bypassed(host: str, port: int, no_proxy: str) -> bool:
    """Whether NO_PROXY (names, suffixes, addresses, networks, each with an optional port) excludes the host.

    Loopback never goes through an environment proxy (Go's net/http, ProxyFromEnvironment).
    """
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    for raw in no_proxy.split(","):
        entry = raw.strip().lower()
        if entry == "*":
            return True
        name, colon, wanted = entry.rpartition(":")
        if colon and wanted.isdigit() and "]" not in wanted and name.count(":") == 0:
            if int(wanted) != port:
                continue
            entry = name
        if entry and _matches(host.lower(), address, entry):
            return True
    return False


def _matches(host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, entry: str) -> bool:
    if address is not None:
        try:
            return address in ipaddress.ip_network(entry.strip("[]"), strict=False)
        except ValueError:
            return False
    suffix = entry.removeprefix("*").removeprefix(".")
    exact = not entry.startswith((".", "*"))
    return (exact and host == suffix) or host.endswith(f".{suffix}")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
