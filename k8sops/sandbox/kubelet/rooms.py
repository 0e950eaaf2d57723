"""What a container's room looks like: which of the host's folders are seen, which of the pod's own are written to.

Of the host only programs and their libraries are there, read-only; `/etc` is made up; whatever of the user's home or
of the sandbox lies below a shown folder is covered. Writable are the pod's volumes, /tmp, the home and the working
directory, all below the sandbox's folder. `confined` makes the room from this specification.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

from k8sops.sandbox.kubelet.environment import environment_of, expanded
from k8sops.sandbox.kubelet.folders import NOBODY, Folders, own_folder
from k8sops.sandbox.kubelet.hostfiles import FOLDERS, etc_files
from k8sops.sandbox.kubelet.process import RoomError
from k8sops.sandbox.kubelet.volumes import FILLED, Contents, Files, Objects

JsonObject = dict[str, Any]

PROGRAMS: Final = tuple(
    f"/usr/{name}" for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec")
)
# Not all of /usr/share: images mount volumes below it, and there a place for them can be made.
SHARED: Final = tuple(
    f"/usr/share/{n}" for n in ("terminfo", "zoneinfo", "tabset", "misc", "vim", "awk", "perl")
)
LOOKED_UP: Final = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/terminfo")
TOP: Final = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Links into /usr on most systems, folders on others."""

LIMITS: Final = {"CPU": 3600, "NPROC": 256, "NOFILE": 1024, "FSIZE": 256 << 20, "DATA": 2 << 30, "CORE": 0}
"""Per process (setrlimit(2)), but for NPROC: seconds, processes, files, bytes."""


class Rooms:
    """Makes specifications of rooms for one sandbox's pods."""

    def __init__(self, folder: Path, api: Objects) -> None:
        self._folder: Final = folder
        self._folders: Final = Folders(folder)
        self._api: Final = api
        self._writing: Final = asyncio.Lock()

    async def specification(
        self, pod: JsonObject, container: JsonObject, command: Sequence[str], *, tty: bool
    ) -> JsonObject:
        """The room of a container, made ready on disk. Raises RoomError for a volume that has no place in it."""
        metadata, spec = pod["metadata"], pod["spec"]
        own = self._folders.pod(metadata["namespace"], metadata["name"], metadata["uid"])
        identity = _identity(spec, container)
        home = "/root" if identity["uid"] == 0 else "/home/app"
        contents = Contents(self._api, pod)
        base = {"HOME": home, "HOSTNAME": metadata["name"], **({"TERM": "xterm"} if tty else {})}
        if identity["uid"] == 0:
            # There is one user in a room, and tar as root would give each file to the one it came from.
            base["TAR_OPTIONS"] = "--no-same-owner"
        variables = await environment_of(pod, container, contents, base)
        async with self._writing:
            binds = [*_host_binds(), *_private(own / "containers" / container["name"], home)]
            binds += await self._volumes(own, pod, container, contents, variables)
            binds += _working(own / "containers" / container["name"], container, binds)
        return {
            "staging": str(own),
            "hostname": str(spec.get("hostname") or metadata["name"])[:63],
            "identity": identity,
            "binds": binds,
            "links": {**_links(), "/var/tmp": "../tmp", "/var/run": "../run"},  # noqa: S108 - names in the room
            "folders": FOLDERS,
            "files": etc_files(pod, identity["uid"], identity["gid"], home),
            "masks": _masks(self._folder),
            "env": variables,
            "cwd": container.get("workingDir") or home,
            "command": list(command),
            "tty": tty,
            "limits": LIMITS,
        }

    async def _volumes(
        self,
        own: Path,
        pod: JsonObject,
        container: JsonObject,
        contents: Contents,
        variables: Mapping[str, str],
    ) -> list[JsonObject]:
        binds = []
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or ()}
        mounts = sorted(container.get("volumeMounts") or (), key=lambda one: one["mountPath"].count("/"))
        for mount in mounts:
            target = PurePosixPath("/", mount["mountPath"])
            if target == PurePosixPath("/"):
                raise RoomError("a volume mounted at / leaves no place for the programs")
            volume = volumes[mount["name"]]
            source, filled = await self._volume(own, pod, volume, contents)
            below = mount.get("subPath") or expanded(mount.get("subPathExpr", ""), variables)
            writable = not filled and not mount.get("readOnly")
            parts = [part for part in below.split("/") if part not in {"", "."}]
            if ".." in parts:
                raise RoomError(f"the subPath of the volume at {target} must stay in the volume")
            binds.append(_bind(source, str(target), writable=writable) | {"below": parts})
        return binds

    async def _volume(
        self, own: Path, pod: JsonObject, volume: JsonObject, contents: Contents
    ) -> tuple[Path, bool]:
        """The folder of a volume, and whether the kubelet fills it."""
        folder = own / "volumes" / volume["name"]
        if any(kind in volume for kind in FILLED):
            files = await contents.of(volume)
            await asyncio.to_thread(_fill, folder, files)
            return folder, True
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName", "")
        if "ephemeral" in volume:
            claim = f"{pod['metadata']['name']}-{volume['name']}"
        if claim:
            namespace = pod["metadata"]["namespace"]
            found = await self._api.read("persistentvolumeclaims", namespace, claim)
            if found is not None:
                return self._folders.claim(namespace, claim, found["metadata"]["uid"]), False
        return own_folder(folder, 0o777), False


def _bind(source: Path, target: str, *, writable: bool) -> JsonObject:
    return {"source": str(source), "target": target, "writable": writable, "below": []}


def _private(places: Path, home: str) -> list[JsonObject]:
    """What a container may write to without a volume, as if it were in its image."""
    return [
        _bind(own_folder(places / "tmp", 0o1777), "/tmp", writable=True),  # noqa: S108 - a name in the room
        _bind(own_folder(places / "home"), home, writable=True),
    ]


def _working(places: Path, container: JsonObject, binds: Sequence[JsonObject]) -> list[JsonObject]:
    """The working directory, where nothing is mounted or shown there."""
    working = container.get("workingDir", "")
    if not working or _is_there(working, [bind["target"] for bind in binds]):
        return []
    return [_bind(own_folder(places / "work"), working, writable=True)]


def _host_binds() -> list[JsonObject]:
    folders = [name for name in TOP if not Path(name).is_symlink()]
    return [
        _bind(Path(name), name, writable=False)
        for name in (*PROGRAMS, *folders, *SHARED, *LOOKED_UP)
        if Path(name).exists()
    ]


def _links() -> dict[str, str]:
    return {name: str(Path(name).readlink()) for name in TOP if Path(name).is_symlink()}


def _masks(sandbox: Path) -> list[str]:
    """What lies below a shown folder and is the user's or the sandbox's own."""
    private = {sandbox.resolve().parent}
    with contextlib.suppress(KeyError):
        private.add(Path(pwd.getpwuid(os.geteuid()).pw_dir).resolve())
    shown = [Path(name) for name in (*PROGRAMS, *TOP, *SHARED, *LOOKED_UP)]
    return sorted(str(one) for one in private if any(folder in one.parents for folder in shown))


def _identity(spec: Mapping[str, Any], container: Mapping[str, Any]) -> JsonObject:
    context = {**(spec.get("securityContext") or {}), **(container.get("securityContext") or {})}
    privileged = os.geteuid() == 0
    return {
        "uid": int(context.get("runAsUser") or 0),
        "gid": int(context.get("runAsGroup") or 0),
        "host": NOBODY if privileged else os.geteuid(),
        "privileged": privileged,
    }


def _is_there(path: str, targets: Iterable[str]) -> bool:
    """Whether a working directory is, or is below, something that is mounted or shown."""
    wanted = PurePosixPath("/", path)
    known = [PurePosixPath(name) for name in (*targets, *PROGRAMS, *TOP, "/etc", "/dev", "/proc")]
    return wanted == PurePosixPath("/") or any(one == wanted or one in wanted.parents for one in known)


def _fill(folder: Path, files: Files) -> None:
    """Write what a volume holds and remove what it no longer does; each file is replaced at one stroke."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    wanted = {folder / path: file for path, file in files.items()}
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            with contextlib.suppress(OSError):
                path.rmdir()
        elif path not in wanted:
            path.unlink()
    for path, file in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.new"[-255:])
        draft.write_bytes(file.content)
        draft.chmod(file.mode)
        if os.geteuid() == 0:
            os.chown(draft, NOBODY, NOBODY)
        draft.replace(path)
