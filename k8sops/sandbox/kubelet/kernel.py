"""The Linux calls a confined room is made with, for which Python has no word of its own.

Numbers follow the kernel's headers; those of the mount calls are the same on every processor (Linux 5.12 and later).
Only the standard library, because `confined` loads it in a Python that knows nothing else.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from typing import Final

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWCGROUP: Final = 0x02000000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x40000

ATTR_RDONLY: Final = 0x1
ATTR_NOSUID: Final = 0x2
ATTR_NODEV: Final = 0x4
ATTR_NOEXEC: Final = 0x8

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_CAPBSET_DROP: Final = 24
PR_SET_SECCOMP: Final = 22
PR_SET_SECUREBITS: Final = 28
PR_SET_NO_NEW_PRIVS: Final = 38

_SYS_OPEN_TREE, _SYS_MOVE_MOUNT, _SYS_MOUNT_SETATTR = 428, 429, 442
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 0x1, os.O_CLOEXEC
_MOVE_FROM_FD, _MOVE_FOLLOWING = 0x4, 0x10
_MNT_DETACH: Final = 0x2

# NOROOT, NO_SETUID_FIXUP and NO_CAP_AMBIENT_RAISE, each locked, and KEEP_CAPS locked (off).
_SECURE_BITS: Final = 0xEF
_CAPABILITY_VERSION_3: Final = 0x20080522

_AUDIT_ARCH: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SOCKET: Final = {"x86_64": 41, "aarch64": 198}
# add_key, request_key, keyctl: keys of the host; io_uring_*: sockets that no filter sees; then what a shell never
# needs and kernels were broken by: perf_event_open, bpf, userfaultfd, open_by_handle_at, kexec_load.
_DENIED: Final = {
    "x86_64": (248, 249, 250, 425, 426, 427, 298, 321, 323, 304, 246),
    "aarch64": (217, 218, 219, 425, 426, 427, 241, 280, 282, 265, 104),
}
_FAMILIES: Final = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: all others, such as AF_VSOCK, know no network namespace."""
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_X32_BIT: Final = 0x40000000

_libc: Final = ctypes.CDLL(None, use_errno=True)


class MissingError(Exception):
    """What this machine does not offer, as the object of "needs"."""


def _checked(result: int, what: str) -> int:
    if result == -1:
        raise MissingError(f"{what} ({os.strerror(ctypes.get_errno())})")
    return result


def _call(number: int, *arguments: object) -> int:
    return int(_libc.syscall(ctypes.c_long(number), *arguments))


def prctl(option: int, value: int = 0, what: str = "prctl") -> None:
    """Set one attribute of this process (prctl of section 2)."""
    zero = ctypes.c_ulong(0)
    _checked(_libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero), what)


def unshare(flags: int, what: str) -> None:
    """Leave namespaces for new ones (section 2). Raises MissingError naming `what`."""
    _checked(_libc.unshare(flags), what)


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """Mount a file system (section 2). Raises MissingError naming the file system."""
    arguments = (source.encode(), target.encode(), kind.encode() if kind else None)
    _checked(
        _libc.mount(*arguments, ctypes.c_ulong(flags), data.encode() or None),
        f"to mount {kind or 'privately'} on {target}",
    )


def clone_tree(descriptor: int, attributes: int) -> int:
    """A detached copy of the mount an O_PATH descriptor is on, from there down, with these attributes set on it."""
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_EMPTY_PATH | _AT_RECURSIVE
    tree = _checked(_call(_SYS_OPEN_TREE, descriptor, b"", flags), "open_tree of Linux 5.12 or later")
    set_attributes(tree, attributes, recursive=True)
    return tree


def set_attributes(descriptor: int, attributes: int, *, recursive: bool) -> None:
    """mount_setattr(2): add these attributes to the mount the descriptor stands for."""
    # struct mount_attr: attr_set, attr_clr, propagation, userns_fd
    wanted = struct.pack("=QQQQ", attributes, 0, 0, 0)
    flags = _AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)
    _checked(
        _call(_SYS_MOUNT_SETATTR, descriptor, b"", flags, wanted, ctypes.c_size_t(len(wanted))),
        "mount_setattr of Linux 5.12 or later",
    )


def attach_tree(tree: int, target: str) -> None:
    """Put a detached mount in its place and close the descriptor."""
    moved = _call(_SYS_MOVE_MOUNT, tree, b"", _AT_FDCWD, target.encode(), _MOVE_FROM_FD | _MOVE_FOLLOWING)
    _checked(moved, f"to mount on {target}")
    os.close(tree)


def enter_root() -> None:
    """Make the working directory, a mount, the only root there is (pivot_root(2), "." on ".")."""
    _checked(_libc.pivot_root(b".", b"."), "pivot_root")
    _checked(_libc.umount2(b".", _MNT_DETACH), "to leave the old root")
    os.chdir("/")


def drop_capabilities() -> None:
    """Every capability, for good: a program of root's gains none by being executed."""
    prctl(PR_SET_SECUREBITS, _SECURE_BITS, "PR_SET_SECUREBITS")
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except MissingError:
            # One past the last the kernel knows.
            break
    header, nothing = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24)
    _checked(_libc.capset(header, nothing), "capset")
    prctl(PR_SET_NO_NEW_PRIVS, 1, "PR_SET_NO_NEW_PRIVS")


def forbid_calls() -> None:
    """A system call filter (seccomp) against what namespaces do not cover; needs PR_SET_NO_NEW_PRIVS.

    Raises MissingError for a processor whose numbers are not known here.
    """
    machine = platform.machine()
    if machine not in _AUDIT_ARCH:
        raise MissingError(f"a system call filter, which is not written for {machine}")
    load, equal, above, give = 0x20, 0x15, 0x35, 0x06
    program = [
        (load, 0, 0, 4),
        (equal, 1, 0, _AUDIT_ARCH[machine]),
        (give, 0, 0, _ERRNO | _ENOSYS),
        (load, 0, 0, 0),
        (above, 0, 1, _X32_BIT),
        (give, 0, 0, _ERRNO | _ENOSYS),
    ]
    for number in _DENIED[machine]:
        program += [(equal, 0, 1, number), (give, 0, 0, _ERRNO | _EPERM)]
    # Not socket(): allowed. Else its first argument decides.
    program += [(equal, 1, 0, _SOCKET[machine]), (give, 0, 0, _ALLOW), (load, 0, 0, 16)]
    for family in _FAMILIES:
        program += [(equal, 0, 1, family), (give, 0, 0, _ALLOW)]
    program.append((give, 0, 0, _ERRNO | _EAFNOSUPPORT))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in program))
    described = struct.pack("@HP", len(program), ctypes.addressof(code))
    mode_filter = ctypes.c_ulong(2)
    zero = ctypes.c_ulong(0)
    _checked(
        _libc.prctl(PR_SET_SECCOMP, mode_filter, described, zero, zero), "a system call filter (seccomp)"
    )
