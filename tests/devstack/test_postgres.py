"""A private PostgreSQL, for real: both sets of programs, clean stops and hard kills."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from devstack.servers import account
from devstack.servers.binaries import BinariesNotFoundError, debian_bin_dirs, find_binaries, wheel_bin_dirs
from devstack.servers.folder_lock import FolderInUseError
from devstack.servers.postgres import PostgresCluster
from devstack.servers.postgres_folder import PostgresError
from devstack.servers.postgres_settings import PostgresSettings, UnsafeSettingError
from devstack.servers.process import ProcessId, wait_until_gone

FOUND = {"wheel": wheel_bin_dirs(), "debian": debian_bin_dirs()}


@pytest.fixture(scope="module", params=sorted(FOUND))
def programs(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if not FOUND[name]:
        pytest.skip(f"no PostgreSQL from {name} on this machine")
    return name


@pytest.fixture
def cluster(tmp_path: Path, programs: str) -> Iterator[PostgresCluster]:
    cluster = open_cluster(tmp_path, programs)
    cluster.start()
    yield cluster
    cluster.kill()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, programs: str) -> Iterator[tuple[PostgresCluster, Path]]:
    """A cluster that nobody stops, and what lies above its folder."""
    above = tmp_path_factory.mktemp("running")
    with open_cluster(above, programs) as cluster:
        yield cluster, above


def open_cluster(tmp_path: Path, programs: str) -> PostgresCluster:
    return PostgresCluster.create_or_open(tmp_path / "pg", settings=PostgresSettings.for_tests(), bin_dir=programs)


def execute(cluster: PostgresCluster, statement: str, dbname: str = "postgres") -> list[tuple[object, ...]]:
    with psycopg.connect(cluster.dsn(dbname), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def setting(cluster: PostgresCluster, name: str) -> object:
    return execute(cluster, f"SHOW {name}")[0][0]


def test_serves_the_version_of_its_programs(running: tuple[PostgresCluster, Path]) -> None:
    cluster, _ = running
    assert str(setting(cluster, "server_version")).startswith(cluster.version)
    assert execute(cluster, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(True,)]


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
def test_is_durable(running: tuple[PostgresCluster, Path], name: str) -> None:
    cluster, _ = running
    assert setting(cluster, name) == "on"
    with pytest.raises(UnsafeSettingError):
        PostgresSettings(extra={name: "off"})


def test_log_is_not_compressed_by_what_costs_a_write_a_sixth_of_its_time(
    running: tuple[PostgresCluster, Path],
) -> None:
    assert setting(running[0], "wal_compression") in {"lz4", "off"}


def test_refuses_a_wrong_password(running: tuple[PostgresCluster, Path]) -> None:
    cluster, _ = running
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(cluster.dsn("postgres", password="guessed"))


def test_listens_on_loopback_only(running: tuple[PostgresCluster, Path]) -> None:
    cluster, _ = running
    assert setting(cluster, "listen_addresses") == "127.0.0.1"
    assert setting(cluster, "unix_socket_directories") == ""


def test_keeps_its_secrets_to_itself(running: tuple[PostgresCluster, Path]) -> None:
    cluster, above = running
    for name in ("cluster.json", "postgres.log", "lock"):
        assert stat.S_IMODE((above / "pg" / name).stat().st_mode) == 0o600
    assert not (above / "pg" / "initdb.password").exists()
    assert stat.S_IMODE(cluster.pgdata.stat().st_mode) == 0o700


def test_copies_a_template_and_drops_it_under_a_connection(running: tuple[PostgresCluster, Path]) -> None:
    cluster, _ = running
    cluster.create_database("template")
    execute(cluster, "CREATE TABLE kept (n int)", "template")
    cluster.create_database("copy", template="template")
    connection = psycopg.connect(cluster.dsn("copy"))
    assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    cluster.drop_database("copy")
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()
    assert execute(cluster, "SELECT 1 FROM pg_database WHERE datname = 'copy'") == []


def test_keeps_data_and_port_over_a_stop(cluster: PostgresCluster, tmp_path: Path, programs: str) -> None:
    execute(cluster, "CREATE TABLE money AS SELECT 42 AS amount")
    port = cluster.port
    cluster.stop()
    assert not cluster.running
    again = open_cluster(tmp_path, programs)
    with again:
        assert again.port == port
        assert execute(again, "SELECT amount FROM money") == [(42,)]


def test_keeps_what_was_committed_over_kills(cluster: PostgresCluster) -> None:
    execute(cluster, "CREATE TABLE money (amount int)")
    for amount in range(5):
        with psycopg.connect(cluster.superuser_dsn) as open_connection:
            execute(cluster, f"INSERT INTO money VALUES ({amount})")
            open_connection.execute("INSERT INTO money VALUES (999)")
            cluster.kill()
            with pytest.raises(psycopg.OperationalError):
                open_connection.execute("SELECT 1")
        assert not cluster.running
        cluster.start()
    assert execute(cluster, "SELECT amount FROM money ORDER BY amount") == [(n,) for n in range(5)]


def test_kill_leaves_no_process(cluster: PostgresCluster) -> None:
    backends = [ProcessId.of(int(str(pid))) for (pid,) in execute(cluster, "SELECT pid FROM pg_stat_activity")]
    living = [backend for backend in backends if backend is not None]
    assert len(living) >= 4
    cluster.kill()
    assert not any(backend.alive for backend in living)


def test_second_owner_is_refused_while_the_first_lives(running: tuple[PostgresCluster, Path], programs: str) -> None:
    cluster, above = running
    second = open_cluster(above, programs)
    with pytest.raises(FolderInUseError, match=str(os.getpid())):
        second.start()
    assert cluster.running
    assert setting(cluster, "port") == str(cluster.port)


def test_takes_another_port_when_its_own_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        taken = stranger.getsockname()[1]
        with PostgresCluster.create_or_open(tmp_path, port=taken, settings=PostgresSettings.for_tests()) as cluster:
            assert cluster.port != taken
            assert setting(cluster, "port") == str(cluster.port)


def test_starts_over_a_pid_file_that_names_a_stranger(cluster: PostgresCluster, tmp_path: Path, programs: str) -> None:
    cluster.kill()
    pid_file = cluster.pgdata / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:], ""]))
    with open_cluster(tmp_path, programs) as again:
        assert execute(again, "SELECT 1") == [(1,)]


OWNER = """
import sys, time
from devstack.servers.postgres import PostgresCluster
from devstack.servers.postgres_settings import PostgresSettings
cluster = PostgresCluster.create_or_open(sys.argv[1], settings=PostgresSettings.for_tests(), bin_dir=sys.argv[2])
cluster.start()
print(cluster.postmaster_pid, cluster._guardian.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def orphaned(tmp_path: Path, programs: str) -> Iterator[tuple[subprocess.Popen[str], ProcessId, int]]:
    command = [sys.executable, "-c", OWNER, str(tmp_path / "pg"), programs]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        postmaster_pid, guardian_pid = map(int, owner.stdout.readline().split())
        postmaster = ProcessId.of(postmaster_pid)
        assert postmaster is not None
        yield owner, postmaster, guardian_pid
        owner.kill()


def test_server_ends_when_its_owner_is_killed(orphaned: tuple[subprocess.Popen[str], ProcessId, int]) -> None:
    owner, postmaster, _ = orphaned
    owner.kill()
    assert wait_until_gone([postmaster], timeout_s=10)


def test_next_start_takes_over_a_server_without_owner(
    orphaned: tuple[subprocess.Popen[str], ProcessId, int], tmp_path: Path, programs: str
) -> None:
    owner, postmaster, guardian_pid = orphaned
    os.kill(guardian_pid, signal.SIGKILL)
    owner.kill()
    owner.wait()
    assert postmaster.alive
    with open_cluster(tmp_path, programs) as cluster:
        assert not postmaster.alive
        assert execute(cluster, "SELECT 1") == [(1,)]


def test_an_interrupted_initdb_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "half").touch()
    (tmp_path / "initdb.unfinished").touch()
    with PostgresCluster.create_or_open(tmp_path, settings=PostgresSettings.for_tests()) as cluster:
        assert execute(cluster, "SELECT 1") == [(1,)]


def test_data_without_its_record_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precious").touch()
    with pytest.raises(PostgresError, match="its password is lost"):
        PostgresCluster.create_or_open(tmp_path)
    assert (tmp_path / "data" / "precious").exists()


def test_data_is_opened_by_programs_of_its_own_version_only(tmp_path: Path) -> None:
    PostgresCluster.create_or_open(tmp_path, settings=PostgresSettings.for_tests())
    record = json.loads((tmp_path / "cluster.json").read_text())
    (Path(record["pgdata"]) / "PG_VERSION").write_text("7\n")
    with pytest.raises(PostgresError, match="PostgreSQL 7 was not found"):
        PostgresCluster.create_or_open(tmp_path)


def test_a_folder_without_programs_is_named(tmp_path: Path) -> None:
    with pytest.raises(BinariesNotFoundError, match="holds no initdb"):
        find_binaries(bin_dir=tmp_path)


root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change the account")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    # Not tmp_path, whose parents are closed to everybody else.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def survives_a_kill(folder: Path, programs: str) -> str:
    with PostgresCluster.create_or_open(folder, settings=PostgresSettings.for_tests(), bin_dir=programs) as cluster:
        cluster.kill()
        cluster.start()
        assert execute(cluster, "SELECT 1") == [(1,)]
        return cluster.description


@root_only
def test_root_runs_it_as_nobody_where_nobody_can_work(open_folder: Path, programs: str) -> None:
    assert "as user nobody in" in survives_a_kill(open_folder / "pg", programs)


@root_only
def test_root_runs_it_in_a_namespace_below_a_closed_folder(open_folder: Path, programs: str) -> None:
    (open_folder / "closed").mkdir(mode=0o700)
    assert "as root, called nobody" in survives_a_kill(open_folder / "closed" / "pg", programs)


@root_only
def test_root_without_namespaces_runs_it_elsewhere(
    open_folder: Path, programs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "_UNSHARE", ("false",))
    monkeypatch.setattr(account, "_FALLBACK_ROOT", open_folder / "elsewhere")
    (open_folder / "closed").mkdir(mode=0o700)
    for _ in range(2):  # made, and found again
        assert f"as user nobody in {open_folder}/elsewhere/" in survives_a_kill(open_folder / "closed" / "pg", programs)
