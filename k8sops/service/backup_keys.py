"""The keys that this installation brings to backup repositories: one that signs, and identities that open.

The signing key is a file of its own, 0600, made when something is first written. The age identity is made only when a
person asks for it (`backups key`), who then keeps a copy elsewhere: without it no backup is ever read again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.core.clock import rfc3339
from k8sops.core.errors import KeyFileError
from k8sops.service.config import data_folder

if TYPE_CHECKING:
    from k8sops.backup.keys import Openers
    from k8sops.backup.signed import VerifyingKey
    from k8sops.policy.keys import SigningKey
    from k8sops.service.repository_config import RepositoryConfig

IDENTITY: Final = "K8SOPS_BACKUP_IDENTITY"
PASSPHRASE: Final = "K8SOPS_BACKUP_PASSPHRASE"  # noqa: S105 - a variable's name
PASSPHRASE_FILE: Final = "K8SOPS_BACKUP_PASSPHRASE_FILE"  # noqa: S105 - the same
_MOST: Final = 1 << 20


class Material(msgspec.Struct, frozen=True):
    """What opens a repository here. Secret."""

    openers: Openers
    recipients: tuple[str, ...]
    """Those that the identities stand for."""
    passphrase: str | None = None

    def __repr__(self) -> str:
        return f"Material({len(self.recipients)} identities, passphrase {'yes' if self.passphrase else 'no'})"


def signing_file(data: Path | None = None) -> Path:
    """Where this installation's signing key for backups lies, or that of another data folder."""
    return (data or data_folder()) / "keys" / "backup.pem"


def identity_file() -> Path:
    """Where the age identity lies that `backups key` makes."""
    return data_folder() / "keys" / "backup.agekey"


def signing_key(data: Path | None = None) -> SigningKey:
    """The key that signs, made where there is none. Blocks. Raises KeyFileError."""
    from k8sops.policy.keys import create_key, load_key

    path = signing_file(data)
    if path.exists():
        return load_key(path)
    try:
        return create_key(path)
    except KeyFileError:
        # Another process may have been quicker; any other trouble comes up again here.
        return load_key(path)


def trusted_keys(settings: RepositoryConfig | None, data: Path | None = None) -> dict[str, VerifyingKey]:
    """Whose signatures count: this installation's own, if it has a key, and those configured. Blocks.

    Raises KeyFileError.
    """
    from k8sops.policy.keys import load_key, parse_public

    found = [parse_public(text) for text in (settings.trusted_signers if settings else ())]
    if signing_file(data).exists():
        found.append(load_key(signing_file(data)).public)
    return {key.key_id: key for key in found}


def material(settings: RepositoryConfig | None, environ: Mapping[str, str]) -> Material:
    """What opens the repository, from the files and variables that are named. Blocks. Raises KeyFileError."""
    from k8sops.backup.keys import Openers

    texts = [_text(path) for path in _identity_files(settings, environ)]
    passphrase = _passphrase(settings, environ)
    lines = "\n".join(texts)
    return Material(Openers(lines, passphrase), _recipients(lines), passphrase)


def make_identity(now: datetime, path: Path | None = None) -> str:
    """Make an age identity in a new file, 0600, in the form `age-keygen` writes; its recipient. Blocks.

    Raises KeyFileError where there is a file already: what was encrypted for it would be lost.
    """
    import pyrage

    path = path or identity_file()
    identity = pyrage.x25519.Identity.generate()
    recipient = str(identity.to_public())
    text = f"# created: {rfc3339(now)}\n# public key: {recipient}\n{identity}\n"
    _write_new(path, text.encode())
    return recipient


def open_to_others(settings: RepositoryConfig | None, environ: Mapping[str, str]) -> list[Path]:
    """The files of identities and passphrases that others on this machine may read, the file's group too. Blocks."""
    files = list(_identity_files(settings, environ))
    if settings is not None and settings.passphrase_file is not None:
        files.append(settings.passphrase_file)
    elif given := environ.get(PASSPHRASE_FILE):
        files.append(Path(given))
    others = stat.S_IRGRP | stat.S_IROTH
    return [path for path in files if path.exists() and path.stat().st_mode & others]


def _identity_files(settings: RepositoryConfig | None, environ: Mapping[str, str]) -> tuple[Path, ...]:
    if settings is not None and settings.identities:
        return settings.identities
    if given := environ.get(IDENTITY):
        return (Path(given),)
    return (identity_file(),) if identity_file().exists() else ()


def _passphrase(settings: RepositoryConfig | None, environ: Mapping[str, str]) -> str | None:
    variable = settings.passphrase_env if settings else ""
    if variable:
        found = environ.get(variable)
        if not found:
            raise KeyFileError(
                f"the environment variable {variable}, which should hold the passphrase, is not set"
            )
        return found
    file = (settings.passphrase_file if settings else None) or environ.get(PASSPHRASE_FILE)
    if file:
        return _text(Path(file)).rstrip("\r\n") or None
    return environ.get(PASSPHRASE) or None


def _recipients(lines: str) -> tuple[str, ...]:
    import pyrage

    # `Openers` has read them already, so each is one.
    identities = [line.strip() for line in lines.splitlines() if line.strip() and not line.startswith("#")]
    return tuple(str(pyrage.x25519.Identity.from_str(line).to_public()) for line in identities)


def _text(path: Path) -> str:
    try:
        with path.expanduser().open("rb") as file:
            return file.read(_MOST).decode()
    except FileNotFoundError:
        raise KeyFileError(
            f"there is no file {path}", hint="`k8sops backups key` makes an age identity; or name another"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise KeyFileError(f"{path} cannot be read: {why}") from error


def _write_new(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise KeyFileError(
            f"{path} exists already, and a key is never overwritten",
            hint="use it; `--out FILE` makes another beside it",
        ) from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be made: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class KeysShown(msgspec.Struct, frozen=True, kw_only=True):
    """The public halves, and where the secret ones lie."""

    made: bool
    identity_file: str
    recipient: str
    signer: str
    signer_key: str


def show_keys(out: Path | None = None) -> KeysShown:
    """The keys of this installation, made where there are none; with `out` another identity there. Blocks.

    Raises KeyFileError.
    """
    from k8sops.core.clock import SystemClock

    path = out or identity_file()
    made = out is not None or not path.exists()
    recipient = make_identity(SystemClock().now(), path) if made else "".join(_recipients(_text(path))[:1])
    public = signing_key().public
    return KeysShown(
        made=made,
        identity_file=str(path),
        recipient=recipient,
        signer=public.key_id,
        signer_key=public.text,
    )
