"""Configuration: `config.yaml` under the user's configuration folder, `K8SOPS_*` over it, flags over that.

Read once, at the composition root. What is not understood is refused with the key's name: a setting that is
silently ignored is worse than none. Checked by msgspec: every command reads it, and importing pydantic takes longer
than all the rest of that.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from platformdirs import user_config_path, user_data_path

from k8sops.core.errors import UsageError
from k8sops.core.redaction import RedactionSettings
from k8sops.service.repository_config import BackupConfig

if TYPE_CHECKING:
    from k8sops.cluster.identity import Impersonation
    from k8sops.core.screen import ScreenChoice


SLASH_COMMAND: Final = re.compile(r"/[a-z0-9_-]{1,31}")
_TRUE: Final = frozenset({"1", "true", "t", "yes", "y", "on"})
SLACKS_LARGEST_MB: Final = 1000
_FALSE: Final = frozenset({"0", "false", "f", "no", "n", "off"})


class ClusterName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a cluster, known by the uid of its namespace kube-system, is called here."""

    uid: str
    name: str
    environment: Literal["production", "staging", "development", "sandbox", "unclassified"] = "unclassified"


class SlackConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The chat's bot. Its tokens stand in the environment: SLACK_BOT_TOKEN, SLACK_APP_TOKEN, SLACK_SIGNING_SECRET."""

    command: str = "/k8s"
    """The slash command, as the app's manifest names it."""
    contexts: tuple[str, ...] = ()
    """Contexts of the kubeconfig that are served; none: the one a command would use."""
    bundle_mb: int = SLACKS_LARGEST_MB
    """The largest log bundle that is sent, in megabytes; of a larger one it is said where it lies."""

    def __post_init__(self) -> None:
        """Refuse what Slack would: the bot would wait for a command that nobody can type."""
        if not SLASH_COMMAND.fullmatch(self.command):
            raise ValueError(
                "command: is no slash command; write it as in /k8s: small letters, digits, - and _"
            )
        if not 0 <= self.bundle_mb <= SLACKS_LARGEST_MB:
            raise ValueError(f"bundle_mb: Slack takes files of at most {SLACKS_LARGEST_MB} MB; 0 sends none")


class Config(
    BackupConfig,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"impersonate_user": "as", "impersonate_groups": "as-group"},
):
    """Everything a door needs to open the service."""

    context: str = ""
    kubeconfig: tuple[Path, ...] = ()
    namespace: str = ""
    impersonate_user: str = ""
    impersonate_groups: tuple[str, ...] = ()
    clusters: tuple[ClusterName, ...] = ()
    pool_labels: tuple[str, ...] = ()
    """Labels whose values name node pools, besides those of the providers that are known."""
    database_url: str = ""
    """Where runs, votes and the audit trail are kept; empty: a SQLite file in the user's data folder (XDG)."""
    policy: Path | None = None
    """The policy file; none: the shipped default."""
    checkpoints: Path | None = None
    """A folder outside the store where the audit's checkpoints are also kept, each file made once."""
    identity_key: Path | None = None
    """The person's own signing key, for `trust: signed`; none: `keys/identity.pem` in the configuration folder."""
    read_only: bool = False
    """Refuse every change here, whatever the policy allows."""
    debug_image: str = "busybox:1.37"
    """The image of the containers that are added to pods for debugging, from a registry that the cluster reaches."""
    theme: str = ""
    """How the screen looks: default, light, colour-blind, high-contrast, or a theme of Textual's."""
    keys: dict[str, str] = msgspec.field(default_factory=dict)
    """Keys of the screen: from the id of a key's action (docs/keys.md) to keys, several with commas between."""
    slack: SlackConfig = SlackConfig()
    redaction: RedactionSettings = RedactionSettings()
    """What is taken out of texts that are stored, sent or handed on, beside what always is."""
    emergency: bool = False
    """Use a local store of its own, as break-glass, because the shared one is away."""

    def impersonation(self) -> Impersonation | None:
        """Whom requests are made for, or None. Raises UsageError where groups come without a user."""
        from k8sops.cluster.identity import Impersonation

        if not self.impersonate_user:
            if self.impersonate_groups:
                raise UsageError("--as-group needs --as", hint="name the user to impersonate with --as USER")
            return None
        return Impersonation(user=self.impersonate_user, groups=self.impersonate_groups)

    def cluster_names(self) -> dict[str, tuple[str, str]]:
        """Cluster uid → (name, environment)."""
        return {cluster.uid: (cluster.name, cluster.environment) for cluster in self.clusters}

    def screen_choice(self) -> ScreenChoice:
        """How the screen looks, and its keys."""
        from k8sops.core.screen import ScreenChoice

        return ScreenChoice(theme=self.theme, keys=self.keys)

    @property
    def store_url(self) -> str:
        """The store's URL. An emergency has a local store, kept apart."""
        if self.emergency:
            return f"sqlite:///{emergency_file()}"
        return self.database_url or f"sqlite:///{data_folder() / 'k8sops.db'}"


def data_folder() -> Path:
    """Where this user's own store and keys are: K8SOPS_DATA, else the user's data folder (XDG)."""
    if given := os.environ.get("K8SOPS_DATA"):
        return Path(given).expanduser().absolute()
    return user_data_path("k8sops")


def emergency_file() -> Path:
    """The store of an emergency on this machine."""
    return data_folder() / "emergency.db"


def config_path(environ: Mapping[str, str]) -> Path:
    """Where the configuration is looked for: K8SOPS_CONFIG, else config.yaml in the user's folder (XDG)."""
    return Path(environ.get("K8SOPS_CONFIG") or user_config_path("k8sops") / "config.yaml")


def load_config(flags: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Config:
    """Merge file, environment and flags. Raises UsageError naming the file and the key."""
    environ = os.environ if environ is None else environ
    path = config_path(environ)
    values = _from_file(path, required="K8SOPS_CONFIG" in environ)
    for key in (
        "context",
        "namespace",
        "database_url",
        "policy",
        "identity_key",
        "checkpoints",
        "repository",
        "read_only",
        "theme",
        "debug_image",
    ):
        if value := environ.get(f"K8SOPS_{key.upper()}"):
            values[key] = _truth(value) if key == "read_only" else value
    values |= {key: value for key, value in flags.items() if value}
    try:
        return config_of(values)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"{path}: {_told(error)}", hint="docs/configuration.md lists the keys"
        ) from error.__cause__


def config_of(values: Mapping[str, Any]) -> Config:
    """A configuration from its keys as in the file. Raises msgspec.ValidationError."""
    return msgspec.convert(dict(values), Config, dec_hook=_path)


def _path(wanted: type, given: object) -> Path:
    if wanted is Path and isinstance(given, str | Path):
        return Path(given)
    raise TypeError("is no path")


def _truth(text: str) -> bool | str:
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else text


def _told(error: msgspec.ValidationError) -> str:
    """The key, and what is wrong with its value: never the value, which may be a secret in the wrong place."""
    said, _, place = str(error).partition(" - at `")
    key = re.sub(r"\[(\d+)\]", r".\1", place.rstrip("`").rpartition("$")[2]).strip(".")
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", said):
        key, said = f"{key}.{unknown[1]}", "there is no such key"
    elif missing := re.fullmatch(r"Object missing required field `(.*)`", said):
        key, said = f"{key}.{missing[1]}", "is missing"
    elif said.startswith("Invalid enum value"):
        said = "is none of the values it may have"
    elif isinstance(error.__cause__, ValueError):
        # It names its key itself (repository_config).
        return f"{key}.{said}".strip(".")
    return f"{key.strip('.') or 'the whole'}: {said.replace('`', '')}"


def settings_of_file(path: Path) -> dict[str, Any]:
    """What a configuration file says, not yet validated; nothing where there is none. Raises UsageError."""
    return _from_file(path, required=False)


def _from_file(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if required:
            raise UsageError(f"{path}: there is no such file", hint="K8SOPS_CONFIG names it") from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    import yaml

    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UsageError(f"{path} must hold a mapping of settings")
    return values
