"""Every setting in force with where it is from: a flag, a variable of the environment, the file, or nowhere.

The configuration keeps no trace of its sources, so each is asked again. What could hold a secret is not shown.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from k8sops.core.desk import SettingView
from k8sops.core.errors import K8sOpsError
from k8sops.core.redaction import RedactionSettings
from k8sops.core.text import printable
from k8sops.service.config import Config, config_path, settings_of_file

DEFAULT: Final = "as shipped"
_MOST: Final = 400


def settings_in_force(config: Config, environ: Mapping[str, str] | None = None) -> tuple[SettingView, ...]:
    """The settings, those that somebody has set first."""
    environ = os.environ if environ is None else environ
    path = config_path(environ)
    try:
        in_file = settings_of_file(path)
    except K8sOpsError:
        in_file = {}  # it was readable at start, and its settings are in force; only their source is not known
    found = [_setting(config, info, in_file, environ, str(path)) for info in msgspec.structs.fields(Config)]
    found.append(SettingView(key="store", value=_without_password(config.store_url), source="worked out"))
    found.append(SettingView(key="configuration file", value=str(path), source=_there(path.is_file())))
    return tuple(sorted(found, key=lambda one: one.source == DEFAULT))


def _there(exists: bool) -> str:
    return "read" if exists else "there is none"


def _setting(
    config: Config,
    info: msgspec.structs.FieldInfo,
    in_file: Mapping[str, Any],
    environ: Mapping[str, str],
    path: str,
) -> SettingView:
    name, key = info.name, info.encode_name
    value = getattr(config, name)
    variable = f"K8SOPS_{name.upper()}"
    if name == "kubeconfig" and not value and environ.get("KUBECONFIG"):
        value, source = environ["KUBECONFIG"], "KUBECONFIG"
    elif value == getattr(Config(), name):
        source = DEFAULT
    elif (given := environ.get(variable)) and str(value) == given:
        source = variable
    elif name in in_file or key in in_file:
        source = path
    else:
        source = "the command line"
    return SettingView(key=key, value=printable(_shown(name, value))[:_MOST], source=source)


def _shown(name: str, value: object) -> str:
    if name == "database_url":
        return _without_password(str(value)) if value else ""
    if isinstance(value, tuple):
        return ", ".join(_shown("", one) for one in value)
    if isinstance(value, msgspec.Struct):
        return _struct(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_shown('', one)}" for key, one in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _struct(value: msgspec.Struct) -> str:
    if isinstance(value, RedactionSettings):
        # What is allowed to stay looks like a secret, so it is only counted.
        chosen = (
            [one.name for one in value.rules] + ["emails"] * value.emails + ["addresses"] * value.addresses
        )
        allowed = len(value.allow) + len(value.allow_patterns)
        return ", ".join([*chosen, *([f"{allowed} allowed"] if allowed else [])])
    # Of a repository or a cluster only what it is called: the rest is in the file.
    shown, url = getattr(value, "name", ""), getattr(value, "url", "")
    return f"{shown} ({_without_password(url)})" if url else str(shown)


def _without_password(url: str) -> str:
    """A URL without what stands for a password before the host, and without its query, which may hold one."""
    scheme, sign, rest = url.partition("://")
    if not sign:
        return url
    rest = rest.partition("?")[0]
    login, at, host = rest.rpartition("@")
    if not at:
        return f"{scheme}://{rest}"
    return f"{scheme}://{login.partition(':')[0]}@{host}"
