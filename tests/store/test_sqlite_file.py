"""The SQLite file: where it may be, who may read it, and what is said when it cannot be used."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from k8sops.core.clock import SystemClock
from k8sops.core.errors import (
    K8sOpsError,
    StoreBusyError,
    StoreCorruptError,
    StoreFullError,
    StorePermissionError,
    StorePlaceError,
    UsageError,
)
from k8sops.store.administration import backup_store
from k8sops.store.database import Database, Tx, open_database
from k8sops.store.places import file_system_of, refuse_remote
from tests.store.rows import PUT, keys, put, row

MOUNTS = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 27 0:40 / /home rw,relatime shared:2 master:3 - nfs4 server:/home rw,vers=4.2
31 30 254:1 / /home/local rw - xfs /dev/vdb rw
32 27 0:41 / /mnt/with\040space rw - cifs //server/share rw
33 27 0:42 / /mnt/ssh rw - fuse.sshfs me@host: rw
34 27 0:43 / /mnt/host rw - 9p host rw
35 27 0:44 / /homework rw - btrfs /dev/vdc rw
36 27 0:45 / /mnt/over rw - ext4 /dev/vdd rw
37 27 0:46 / /mnt/over rw - lustre mgs:/fs rw
38 27 0:47 / /mnt/usb rw - fuseblk /dev/sdb1 rw
"""


async def _open(path: Path, **options: float) -> Database:
    return await open_database(f"sqlite:///{path}", clock=SystemClock(), **options)  # type: ignore[arg-type]


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_file_and_companions_are_their_owner_s_alone(tmp_path: Path) -> None:
    """The journal beside the file holds the same rows as the file."""
    path = tmp_path / "made" / "for it" / "k8sops.db"
    before = os.umask(0)
    try:
        store = await _open(path)
        await store.write(put("a"), name="test")
        modes = {found.name: _mode(found) for found in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"k8sops.db": 0o600, "k8sops.db-wal": 0o600, "k8sops.db-shm": 0o600}
    assert _mode(path.parent) == _mode(path.parent.parent) == 0o700
    await store.aclose()


async def test_a_file_left_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    """Restored from an archive, or made by hand with touch."""
    restored, touched = tmp_path / "restored.db", tmp_path / "touched.db"
    await (await _open(restored)).aclose()
    touched.touch()
    for path in (restored, touched):
        path.chmod(0o644)
        await (await _open(path)).aclose()
        assert _mode(path) == 0o600


async def test_every_commit_is_on_disk_before_it_is_reported(tmp_path: Path) -> None:
    """WAL with FULL: what was told to an approver survives a power cut."""
    store = await _open(tmp_path / "k8sops.db")

    def settings(tx: Tx) -> list[object]:
        return [
            tx.connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")
        ]

    assert await store.write(settings, name="test") == ["wal", 2, 1, 0]
    await store.aclose()


@pytest.mark.parametrize(
    ("folder", "named"),
    [
        ("/home/anna", "NFS"),
        ("/mnt/with space/deep/er", "CIFS"),
        ("/mnt/ssh", r"FUSE \(sshfs\)"),
        ("/mnt/host", "9P"),
        ("/mnt/over", "Lustre"),
    ],
)
def test_a_network_file_system_is_refused_by_name(folder: str, named: str) -> None:
    """Its locks do not hold between machines: two carriers would both have the run."""
    with pytest.raises(StorePlaceError, match=f"is on {named}") as raised:
        refuse_remote(Path(folder) / "k8sops.db", MOUNTS)
    assert "K8SOPS_DATABASE_URL" in raised.value.hint
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/home/local/x", "xfs"), ("/homework", "btrfs"), ("/var", "ext4"), ("/mnt/usb", "fuseblk")],
)
def test_a_local_disk_is_not(folder: str, kind: str) -> None:
    """Even below a network one, or beside one whose name begins alike."""
    assert file_system_of(Path(folder) / "k8sops.db", MOUNTS) == kind
    refuse_remote(Path(folder) / "k8sops.db", MOUNTS)


async def test_a_lock_held_for_too_long_is_named(tmp_path: Path) -> None:
    """By a stopped process, say; reads go on, and once it is gone the same store writes again."""
    path = tmp_path / "k8sops.db"
    store = await _open(path, busy_timeout_s=0.2)
    await store.write(put("a"), name="test")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusyError, match=r"locked by another process for more than 0\.2 s") as raised:
        await store.write(put("b"), name="test")
    assert raised.value.transient
    assert raised.value.exit_code == 6
    assert await keys(store) == ["a"]
    other.execute("ROLLBACK")
    other.close()
    await store.write(put("b"), name="test")
    assert await keys(store) == ["a", "b"]
    await store.aclose()


async def test_a_file_that_another_process_has_alone_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    """As it has while it recovers what a killed one left, and when the last one lets the file go."""
    path = tmp_path / "k8sops.db"
    store = await _open(path)
    await store.write(put("a"), name="test")
    await store.aclose()
    alone = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    alone.execute("PRAGMA locking_mode=EXCLUSIVE")
    alone.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusyError, match=r"for more than 0\.05 s"):
        await _open(path, busy_timeout_s=0.05)
    letting_go = threading.Timer(0.2, alone.close)
    letting_go.start()
    store = await _open(path)
    assert await keys(store) == ["a"]
    await store.aclose()
    letting_go.join()


async def test_a_full_store_keeps_nothing_of_the_change(tmp_path: Path) -> None:
    """SQLite ends the transaction by itself when it runs out of pages; nothing later may be committed alone."""
    store = await _open(tmp_path / "k8sops.db")

    def fill(tx: Tx) -> None:
        pages = tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        tx.connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 5}")
        for number in range(1000):
            tx.execute(PUT, row(f"{number}") | {"value": "x" * 1000})

    for _ in range(2):
        with pytest.raises(StoreFullError, match="cannot be written") as raised:
            await store.write(fill, name="test")
    assert "nothing of the change was kept" in raised.value.hint
    assert await keys(store) == []
    await store.write(put("small"), name="test")  # on a connection without the limit
    assert await keys(store) == ["small"]
    await store.aclose()


LIMITED = """
import asyncio, resource, sys
from k8sops.core.clock import SystemClock
from k8sops.core.errors import StoreFullError
from k8sops.store.database import open_database
from tests.store.rows import PUT, put, row

def fill(tx):
    for number in range(5000):
        tx.execute(PUT, row(f"{number}") | {"value": "x" * 1000})

async def main():
    store = await open_database(sys.argv[1], clock=SystemClock())
    await store.write(put("before"), name="test")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    for _ in range(2):
        try:
            await store.write(fill, name="test")
        except StoreFullError as error:
            print("full:", error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await store.write(put("after"), name="test")
    await store.aclose()

asyncio.run(main())
"""


async def test_a_refused_write_to_disk_keeps_nothing_and_the_store_goes_on(tmp_path: Path) -> None:
    """The kernel's own refusal, in the middle of a commit of 5 MB, by the limit on the size of a file."""
    url = f"sqlite:///{tmp_path}/k8sops.db"
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", LIMITED, url],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("full: ") == 2
    store = await _open(tmp_path / "k8sops.db")
    assert await keys(store) == ["after", "before"]
    assert await store.read(lambda tx: tx.execute(text("PRAGMA integrity_check")).scalar_one()) == "ok"
    await store.aclose()


@pytest.mark.parametrize("size", [100, 4096])
async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, size: int) -> None:
    """A path typed wrong must not cost anybody a file."""
    path = tmp_path / "letter.txt"
    path.write_bytes(b"Dear Anna, " * size)
    path.chmod(0o644)
    with pytest.raises(StoreCorruptError, match="damaged or no database") as raised:
        await _open(path)
    assert "put a copy back" in raised.value.hint
    assert path.read_bytes() == b"Dear Anna, " * size
    assert _mode(path) == 0o644


async def test_a_damaged_page_is_an_error_that_says_how_to_go_on(tmp_path: Path) -> None:
    """Found when it is read, in the middle of work."""
    path = tmp_path / "k8sops.db"
    store = await _open(path)
    await store.write(put("a"), name="test")
    page = await store.read(
        lambda tx: tx.execute(
            text("SELECT rootpage FROM sqlite_master WHERE name = 'door_state'")
        ).scalar_one()
    )
    await store.aclose()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)
    store = await _open(path)
    with pytest.raises(StoreCorruptError, match="damaged"):
        await store.read(lambda tx: tx.execute(text("SELECT value FROM door_state")).all())
    with pytest.raises(StoreCorruptError, match="damaged"):
        await store.write(put("b"), name="test")
    await store.aclose()


@pytest.mark.parametrize("mode", [0o600, 0o644])
async def test_a_store_opened_twice_in_one_process_keeps_its_locks_against_others(
    tmp_path: Path, mode: int
) -> None:
    """A bot opens it for the chat and for its worker; a command beside it must not take itself for the last one.

    It would tidy up the log at its end, and what the bot wrote from then on would be lost, the file damaged.
    """
    path = tmp_path / "k8sops.db"
    chat = await _open(path)
    await chat.write(put("a"), name="test")
    path.chmod(mode)
    worker = await _open(path)
    asked = "SELECT key FROM door_state ORDER BY key"
    code = f"import sqlite3; c = sqlite3.connect({str(path)!r}); print(c.execute('{asked}').fetchall()); c.close()"

    async def beside() -> str:
        arguments = [sys.executable, "-c", code]
        return (await asyncio.to_thread(subprocess.check_output, arguments, text=True)).strip()

    before = path.with_name("k8sops.db-wal").stat().st_ino
    for key in ("b", "c"):
        await beside()
        assert path.with_name("k8sops.db-wal").stat().st_ino == before
        await chat.write(put(key), name="test")
    assert await beside() == "[('a',), ('b',), ('c',)]"
    assert await keys(worker) == ["a", "b", "c"]
    assert _mode(path) == 0o600
    await worker.aclose()
    await chat.aclose()


async def test_another_program_s_database_is_left_alone(tmp_path: Path) -> None:
    """Tables of ours among a browser's history would help nobody."""
    path = tmp_path / "history.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE visits (url)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StorePlaceError, match="another program's database"):
        await _open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("bad", ["", "/k8sops.db/below", "/folder"])
async def test_a_path_that_cannot_be_is_one_clear_error(tmp_path: Path, bad: str) -> None:
    """A folder, a file taken for a folder, nothing at all."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "k8sops.db").touch()
    with pytest.raises((StorePlaceError, StorePermissionError)) as raised:
        await open_database(f"sqlite:///{tmp_path}{bad}" if bad else "sqlite://", clock=SystemClock())
    assert raised.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
async def test_a_file_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    """A store restored by another user."""
    path = tmp_path / "k8sops.db"
    await (await _open(path)).aclose()
    path.chmod(0o400)
    with pytest.raises(StorePermissionError, match="cannot be opened"):
        await _open(path)


@pytest.mark.parametrize(
    "url", ["mysql://anna:geheim@db/x", "not a url geheim", "postgresql://a:geheim@h:p/x"]
)
async def test_a_url_that_names_no_store_is_refused_without_showing_it(url: str) -> None:
    """It may hold a password."""
    with pytest.raises(K8sOpsError) as raised:
        await open_database(url, clock=SystemClock())
    assert raised.value.exit_code == 2
    assert "geheim" not in raised.value.message + raised.value.hint


async def test_a_backup_is_whole_private_and_never_written_over_another(tmp_path: Path) -> None:
    """Taken while the store is in use, with what is still in the write-ahead log."""
    url = f"sqlite:///{tmp_path}/k8sops.db"
    store = await _open(tmp_path / "k8sops.db")
    await store.write(put("a"), name="test")
    target = tmp_path / "copies" / "monday.db"
    target.parent.mkdir()
    backup_store(url, target, clock=SystemClock())
    await store.write(put("b"), name="test")
    assert _mode(target) == 0o600
    assert [found.name for found in target.parent.iterdir()] == ["monday.db"]
    with pytest.raises(UsageError, match="is there already"):
        backup_store(url, target, clock=SystemClock())
    copy = await _open(target)
    assert await keys(copy) == ["a"]
    await copy.aclose()
    await store.aclose()


def test_postgresql_s_backup_is_the_server_s_own_tool_without_the_password(tmp_path: Path) -> None:
    """The command is for a terminal, whose history keeps it."""
    with pytest.raises(UsageError) as raised:
        backup_store(
            "postgresql://anna:geheim@db.example/k8sops?sslmode=verify-full&sslpassword=geheim",
            tmp_path / "a copy",
            clock=SystemClock(),
        )
    assert "pg_dump" in raised.value.hint
    assert "sslmode=verify-full" in raised.value.hint
    assert "geheim" not in raised.value.hint


def test_importing_the_way_in_loads_no_database_library() -> None:
    """Every door imports it; only the ones that open a store pay."""
    code = "import sys, k8sops.store.database; print({'sqlalchemy', 'alembic', 'psycopg'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


def test_opening_a_store_that_is_up_to_date_loads_no_migrations_and_no_other_driver(tmp_path: Path) -> None:
    """Alembic costs a third of a second, psycopg with its dialect a fifth, and every command opens the store."""
    url = f"sqlite:///{tmp_path}/k8sops.db"
    code = (
        "import asyncio, sys; from k8sops.store.database import open_database as o; "
        "from k8sops.core.clock import SystemClock as C; "
        f"d = asyncio.run(o({url!r}, clock=C())); print('alembic' in sys.modules, 'psycopg' in sys.modules)"
    )
    run = [sys.executable, "-c", code]
    subprocess.run(run, check=True, capture_output=True)
    assert subprocess.run(run, check=True, capture_output=True, text=True).stdout.split() == [
        "False",
        "False",
    ]
