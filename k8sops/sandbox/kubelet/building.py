"""The files of a confined room: what is shown of the host, the pod's own folders, /dev and /proc, on a fresh root.

Part of `confined`, and as it loaded before the host's files are left: only the standard library and `kernel`.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Any, Final

from k8sops.sandbox.kubelet import kernel

Spec = dict[str, Any]

DEVICES: Final = ("null", "zero", "full", "random", "urandom", "tty")
PROC_READ_ONLY: Final = ("sys", "sysrq-trigger", "irq", "bus", "fs")
PROC_HIDDEN: Final = (
    "kcore",
    "keys",
    "key-users",
    "kallsyms",
    "kmsg",
    "timer_list",
    "sched_debug",
    "config.gz",
)
SEEN: Final = kernel.ATTR_RDONLY | kernel.ATTR_NOSUID | kernel.ATTR_NODEV
OWN: Final = kernel.ATTR_NOSUID | kernel.ATTR_NODEV


def build(spec: Spec) -> int:
    """The room's files. Returns a descriptor of its /proc/sys as it was before that became read-only."""
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    trees = [(bind, _source(bind, spec["identity"])) for bind in spec["binds"]]
    devices = [(name, kernel.clone_tree(_path(f"/dev/{name}"), kernel.ATTR_NOSUID)) for name in DEVICES]
    hidden = [kernel.clone_tree(_path("/dev/null"), kernel.ATTR_RDONLY) for _ in PROC_HIDDEN]
    staging = spec["staging"]
    kernel.mount("room", staging, "tmpfs", OWN, "size=16m,mode=0755")
    os.chdir(staging)
    for name in ("proc", "dev", "dev/pts", "dev/shm"):
        Path(name).mkdir()
    # A fresh /proc is only given to those who still see the old one.
    kernel.mount("proc", "proc", "proc", OWN | kernel.MS_NOEXEC)
    kernel.mount(
        "devpts", "dev/pts", "devpts", kernel.MS_NOSUID | kernel.MS_NOEXEC, "ptmxmode=0666,mode=0620"
    )
    kernel.mount("shm", "dev/shm", "tmpfs", OWN | kernel.MS_NOEXEC, "size=64m,mode=1777")
    kernel.enter_root()
    _fill_dev(devices)
    # Before any volume: what a command left in one must not stand in for these.
    sysctl = os.open("/proc/sys", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    _cover_proc(hidden)
    for name in spec["folders"]:
        Path(name).mkdir(parents=True, exist_ok=True)
    for name, target in spec["links"].items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).symlink_to(target)
    for name, text in spec["files"].items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    for bind, (tree, is_folder) in trees:
        _place(bind, tree, is_folder=is_folder)
    for name in spec["masks"]:
        if Path(name).is_dir():
            kernel.mount("mask", name, "tmpfs", OWN, "size=4k,mode=0555")
    Path(spec["cwd"]).mkdir(parents=True, exist_ok=True)
    kernel.set_attributes(_path("/"), kernel.ATTR_RDONLY, recursive=False)
    return sysctl


def _path(name: str) -> int:
    return os.open(name, os.O_PATH | os.O_CLOEXEC)


def _source(bind: Spec, identity: Spec) -> tuple[int, bool]:
    """A detached copy of what is bound, and whether it is a folder.

    The way below the source is walked without following links: a command in the pod may have put one there.
    """
    here = _path(bind["source"])
    for part in bind.get("below", ()):
        if bind["writable"]:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=here)
                if identity["privileged"]:
                    os.chown(part, identity["host"], identity["host"], dir_fd=here, follow_symlinks=False)
        inner = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
        os.close(here)
        here = inner
    mode = os.fstat(here).st_mode
    if stat.S_ISLNK(mode):
        raise kernel.MissingError(
            f"{bind['target']} to be a folder or a file: its subPath is a symbolic link"
        )
    tree = kernel.clone_tree(here, OWN if bind["writable"] else SEEN)
    os.close(here)
    return tree, stat.S_ISDIR(mode)


def _place(bind: Spec, tree: int, *, is_folder: bool) -> None:
    target = Path(bind["target"])
    try:
        if is_folder:
            target.mkdir(parents=True, exist_ok=True)
        elif not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
    except OSError as error:
        raise kernel.MissingError(f"a place for the volume at {target} ({error.strerror})") from error
    kernel.attach_tree(tree, str(target))


def _fill_dev(devices: list[tuple[str, int]]) -> None:
    for name, tree in devices:
        Path("/dev", name).touch()
        kernel.attach_tree(tree, f"/dev/{name}")
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        Path("/dev", name).symlink_to(target)
    Path("/dev/ptmx").symlink_to("pts/ptmx")


def _cover_proc(hidden: list[int]) -> None:
    for name in PROC_READ_ONLY:
        if Path("/proc", name).exists():
            kernel.attach_tree(kernel.clone_tree(_path(f"/proc/{name}"), SEEN), f"/proc/{name}")
    for name, tree in zip(PROC_HIDDEN, hidden, strict=True):
        if Path("/proc", name).exists():
            kernel.attach_tree(tree, f"/proc/{name}")
