"""What tests of several rooms share: folders of their own, a PostgreSQL server, and both kinds of store.

`make test` shares the tests out over processes (pytest-xdist). Each has a control plane, a PostgreSQL server and
folders of its own, so that no test disturbs one in another process.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.longest import LONGEST_FIRST
from tests.support.postgres import PostgresTestServer, postgres_server
from tests.support.stores import SqliteStores

HERE = Path(__file__).parent
MOST_PROCESSES = 8

# How long an example takes says how busy the machine is; what is too slow shows in --durations.
settings.register_profile("k8sops", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("k8sops")


def pytest_configure(config: pytest.Config) -> None:
    """Let tests interrupt programs, also where a shell started this in the background with Ctrl-C ignored.

    POSIX has such a shell ignore SIGINT for what it starts, and whoever is started by that inherits it.
    """
    # pytest-xdist would begin with the files of most tests, and end waiting for one long test.
    config.option.loadscopereorder = False
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than cores: tests also wait, but more of them at once starve those that need a lease to be kept."""
    return min(MOST_PROCESSES, (os.cpu_count() or 1) + 1)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where processes share the files, begin with the longest, and then with those of most tests."""
    if not hasattr(config, "workerinput"):
        return
    places = {HERE / name: place for place, name in enumerate(LONGEST_FIRST)}
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (places.get(item.path, len(places)), -tests[item.path]))


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads the configuration, or writes the store and keys, of whoever runs the tests."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as environ:
        for name in (
            "DATABASE_URL",
            "POLICY",
            "CONFIG",
            "REPOSITORY",
            "BACKUP_IDENTITY",
            "BACKUP_PASSPHRASE",
        ):
            environ.delenv(f"K8SOPS_{name}", raising=False)
        environ.setenv("XDG_DATA_HOME", str(home / "data"))
        environ.setenv("XDG_CONFIG_HOME", str(home / "config"))
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresTestServer]:
    """One server for the whole run."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresTestServer) -> Iterator[str]:
    """A fresh database with this program's tables, as its owner."""
    with postgres.store() as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_stores(tmp_path_factory: pytest.TempPathFactory) -> SqliteStores:
    """What makes SQLite stores."""
    return SqliteStores(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture
def sqlite_url(sqlite_stores: SqliteStores, tmp_path: Path) -> str:
    """A fresh SQLite store with this program's tables."""
    return sqlite_stores.fresh(tmp_path / "store" / "k8sops.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """A fresh store of each kind in turn."""
    if request.param == "sqlite":
        found: str = request.getfixturevalue("sqlite_url")
        return found
    url: str = request.getfixturevalue("postgres_url")
    return url
