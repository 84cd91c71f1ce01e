"""The embedded server: private, shared by processes, and there again after whatever killed it."""

import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from stocks.cli.running import open_warehouse
from stocks.embedded import EmbeddedPostgres
from stocks.embedded.postgres import _as_account
from stocks.errors import ConfigError, WarehouseUnavailable
from stocks.providers import PROVIDERS, Unlimited
from stocks.settings import Settings
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.budget import SharedBudget, request_budget

# Holds the server of a folder until it is told to go on, or killed.
HOLDER = """
import sys
from pathlib import Path
from stocks.embedded import EmbeddedPostgres
from stocks.embedded.postgres import _as_account

with EmbeddedPostgres(Path(sys.argv[1])).running() as server:
    print(server.port, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder whose server was made once; each test finds it stopped."""
    folder = tmp_path_factory.mktemp("state")
    with EmbeddedPostgres(folder).running():
        pass
    yield folder
    EmbeddedPostgres(folder).stop()


@pytest.fixture
def server(state: Path) -> Iterator[EmbeddedPostgres]:
    own = EmbeddedPostgres(state)
    assert own.stop()
    yield own
    own.stop()


def postmaster(server: EmbeddedPostgres) -> int:
    return int((server.data / "postmaster.pid").read_text().splitlines()[0])


def hold(state: Path) -> subprocess.Popen[str]:
    """Another process that uses the server of a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip().isdigit()
    return process


def release(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=60)
    assert process.returncode == 0


class TestStartAndStop:
    def test_runs_inside_the_context_and_not_after_it(self, server: EmbeddedPostgres) -> None:
        assert not server.is_running()
        with server.running() as same:
            assert same is server
            assert server.is_running()
            with psycopg.connect(server.url()) as connection:
                assert connection.info.server_version // 10000 == 18
        assert not server.is_running()

    def test_is_stopped_where_the_work_fails(self, server: EmbeddedPostgres) -> None:
        with pytest.raises(ZeroDivisionError), server.running():
            raise ZeroDivisionError
        assert not server.is_running()

    def test_is_stopped_where_the_start_fails_half_way(self, state: Path) -> None:
        class Interrupted(EmbeddedPostgres):
            def _create_database(self) -> None:
                assert self.is_running()
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), Interrupted(state).running():
            pass
        assert not EmbeddedPostgres(state).is_running()

    def test_rows_and_port_stay(self, server: EmbeddedPostgres) -> None:
        with server.running(), psycopg.connect(server.url()) as connection:
            url = server.url()
            connection.execute("create table kept as select 1 as a")
        with server.running(), psycopg.connect(server.url()) as connection:
            assert server.url() == url
            assert connection.execute("select a from kept").fetchone() == (1,)
            connection.execute("drop table kept")

    def test_another_port_where_the_remembered_one_is_taken(self, server: EmbeddedPostgres) -> None:
        with server.running():
            before = server.port
        with socket.socket() as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            stranger.bind(("127.0.0.1", before))
            stranger.listen()
            with server.running(), psycopg.connect(server.url()):
                assert server.port != before

    def test_port_file_that_is_nonsense_is_replaced(self, server: EmbeddedPostgres) -> None:
        (server.folder / "port").write_text("nonsense")
        with server.running(), psycopg.connect(server.url()):
            assert (server.folder / "port").read_text() == str(server.port)

    def test_keep_running_until_stop(self, server: EmbeddedPostgres) -> None:
        with server.running():
            server.keep_running()
        assert server.is_running()
        with server.running():
            assert not EmbeddedPostgres(server.folder.parent).stop()  # somebody uses it
            assert server.is_running()
        assert not server.is_running()  # and the last one has stopped it
        with server.running():
            server.keep_running()
        assert server.stop()
        assert not server.is_running()

    def test_stop_of_what_does_not_run_is_fine(self, tmp_path: Path) -> None:
        assert EmbeddedPostgres(tmp_path).stop()


class TestPrivacy:
    def test_passwords_are_for_this_user_alone(self, server: EmbeddedPostgres) -> None:
        path = server.folder / "passwords.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        passwords = json.loads(path.read_text())
        assert set(passwords) == {"postgres", "stocks_owner", "stocks_writer", "stocks_reader"}
        assert len(set(passwords.values())) == 4
        assert min(map(len, passwords.values())) >= 32
        assert stat.S_IMODE(server.data.stat().st_mode) == 0o700

    def test_passwords_are_not_in_the_log_nor_in_any_other_file_of_ours(self, server: EmbeddedPostgres) -> None:
        with server.running(), psycopg.connect(server.url("postgres"), dbname="postgres") as connection:
            shown = " ".join(
                path.read_text() for path in server.folder.iterdir() if path.is_file() and path.stem != "passwords"
            )
            shown += str(connection.execute("select rolpassword from pg_authid").fetchall())
        for password in json.loads((server.folder / "passwords.json").read_text()).values():
            assert password not in shown

    def test_listens_on_loopback_tcp_alone(self, server: EmbeddedPostgres) -> None:
        with server.running(), psycopg.connect(server.url("postgres"), dbname="postgres") as connection:
            assert connection.execute("show listen_addresses").fetchone() == ("127.0.0.1",)
            assert connection.execute("show unix_socket_directories").fetchone() == ("",)
            assert not list(server.folder.rglob(".s.PGSQL*"))

    @pytest.mark.parametrize("role", ["postgres", "stocks_owner", "stocks_writer", "stocks_reader"])
    @pytest.mark.parametrize("password", ["wrong", ""])
    def test_no_login_without_the_right_password(self, password: str, role: str, postgres: EmbeddedPostgres) -> None:
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(
                host="127.0.0.1",
                port=postgres.port,
                user=role,
                password=password,
                dbname="stocks",
                passfile="/dev/null",
            )

    def test_scram_is_the_only_way_in(self, postgres: EmbeddedPostgres) -> None:
        with psycopg.connect(postgres.url("postgres"), dbname="postgres") as connection:
            rules = connection.execute("select distinct auth_method from pg_hba_file_rules").fetchall()
            logins = connection.execute(
                "select count(*) from pg_authid where rolcanlogin and rolpassword not like 'SCRAM-SHA-256$%'"
            ).fetchone()
        assert rules == [("scram-sha-256",)]
        assert logins == (0,)

    def test_roles_are_no_superusers(self, postgres: EmbeddedPostgres) -> None:
        with psycopg.connect(postgres.url("postgres"), dbname="postgres") as connection:
            found = connection.execute(
                "select count(*) from pg_roles where rolname like 'stocks%' and rolcanlogin"
                " and not (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)"
            ).fetchone()
        assert found == (3,)

    def test_state_below_a_folder_that_no_other_user_may_enter(self, server: EmbeddedPostgres) -> None:
        above = server.folder.parent.parent
        assert stat.S_IMODE(above.stat().st_mode) == 0o700
        with server.running(), psycopg.connect(server.url()):
            owner = Path(f"/proc/{postmaster(server)}").stat().st_uid
        assert owner != 0  # PostgreSQL refuses to be root, who may run these tests
        assert stat.S_IMODE(above.stat().st_mode) == 0o700  # and nothing was opened to others


class TestSharing:
    def test_second_process_shares_it_and_the_last_one_stops_it(self, server: EmbeddedPostgres) -> None:
        with server.running():
            pid = postmaster(server)
            other = hold(server.folder.parent)
            assert postmaster(server) == pid
        assert server.is_running()
        release(other)
        assert not server.is_running()

    def test_user_that_is_killed_does_not_keep_it(self, server: EmbeddedPostgres) -> None:
        with server.running():
            other = hold(server.folder.parent)
            other.kill()
            other.communicate(timeout=60)
        assert not server.is_running()

    def test_server_of_a_user_that_was_killed_is_taken_over(self, server: EmbeddedPostgres) -> None:
        other = hold(server.folder.parent)
        pid = postmaster(server)
        other.kill()
        other.communicate(timeout=60)
        assert server.is_running()
        with server.running(), psycopg.connect(server.url()):
            assert postmaster(server) == pid
        assert not server.is_running()

    def test_many_at_once_start_one(self, server: EmbeddedPostgres) -> None:
        command = [sys.executable, "-c", HOLDER, str(server.folder.parent)]
        others = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        ports = {process.stdout.readline() for process in others if process.stdout}
        assert len(ports) == 1
        assert ports.pop().strip() == str(server.port)
        for process in others:
            release(process)
        assert not server.is_running()


class TestRecovery:
    def test_committed_rows_survive_kill_9(self, server: EmbeddedPostgres) -> None:
        with server.running():
            with psycopg.connect(server.url(), autocommit=True) as connection:
                connection.execute("create table safe as select 1 as a")
            with contextlib.closing(psycopg.connect(server.url())) as connection:
                connection.execute("insert into safe values (2)")  # and no commit
                os.kill(postmaster(server), signal.SIGKILL)
                with server.running(), psycopg.connect(server.url()) as again:
                    assert again.execute("select a from safe").fetchall() == [(1,)]
                    again.execute("drop table safe")

    @pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
    def test_server_that_is_just_ending_is_started_anew(self, end: signal.Signals, server: EmbeddedPostgres) -> None:
        with server.running():
            server.keep_running()
        before = postmaster(server)
        os.kill(before, end)
        with server.running(), psycopg.connect(server.url()) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
            assert postmaster(server) != before

    def test_server_that_is_just_starting_is_waited_for(self, server: EmbeddedPostgres) -> None:
        with server.running():
            port = server.port
        server._run("pg_ctl", "start", "-W", "-l", str(server.log), "-o", f"-p {port}")
        with server.running(), psycopg.connect(server.url()) as connection:
            assert connection.execute("select 1").fetchone() == (1,)

    def test_stale_pid_file_of_another_program_does_not_stop_a_start(self, server: EmbeddedPostgres) -> None:
        with server.running():
            text = (server.data / "postmaster.pid").read_text()
        own = [str(os.getpid()), *text.splitlines()[1:]]  # a number that another program got meanwhile
        (server.data / "postmaster.pid").write_text("\n".join(own) + "\n")
        with server.running(), psycopg.connect(server.url()):
            assert postmaster(server) != os.getpid()

    def test_stranger_that_a_stale_pid_file_names_is_left_alone(self, server: EmbeddedPostgres) -> None:
        with server.running():
            text = (server.data / "postmaster.pid").read_text()
        with subprocess.Popen([*_as_account(), "sleep", "600"]) as stranger:  # of the server's own user
            named = "\n".join([str(stranger.pid), *text.splitlines()[1:]]) + "\n"
            try:
                (server.data / "postmaster.pid").write_text(named)
                assert not server.is_running()
                assert server.stop()
                assert stranger.poll() is None
                with server.running(), psycopg.connect(server.url()):
                    assert postmaster(server) != stranger.pid
                assert stranger.poll() is None
            finally:
                stranger.kill()

    @pytest.mark.parametrize("stopped", ["by a signal", "by its last user"])
    def test_server_that_is_stopped_while_it_recovers_comes_to_its_end(
        self, stopped: str, server: EmbeddedPostgres
    ) -> None:
        with server.running():
            with contextlib.closing(psycopg.connect(server.url("postgres"), autocommit=True)) as connection:
                connection.execute("create table long (n int)")
                connection.execute("insert into long select generate_series(1, 300000)")  # to be read from the log
                before, killed = postmaster(server), server.log.stat().st_size
                os.kill(connection.info.backend_pid, signal.SIGKILL)

            def said() -> str:
                return server.log.read_bytes()[killed:].decode()

            deadline = time.monotonic() + 60
            while "reinitializing" not in said():
                assert time.monotonic() < deadline
                time.sleep(0.001)
            if stopped == "by a signal":
                server.keep_running()
                os.kill(before, signal.SIGINT)
        # By itself it would not have come to an end: of that signal, a server that begins to recover makes nothing.
        hasty = EmbeddedPostgres(server.folder.parent, patience=1)
        with hasty.running(), psycopg.connect(hasty.url("postgres"), autocommit=True) as again:
            assert postmaster(hasty) != before
            assert again.execute("select count(*) from long").fetchone() == (300_000,)
            again.execute("drop table long")
        at_first = said().partition("abnormal database system shutdown")[0]
        assert "received immediate shutdown request" in at_first
        assert ("received fast shutdown request" in at_first) == (stopped == "by a signal")

    def test_what_a_killed_initdb_left_is_cleaned_up(self, tmp_path: Path) -> None:
        server = EmbeddedPostgres(tmp_path / "state")
        leftover = server.folder / "data.incomplete"
        (leftover / "base").mkdir(parents=True)
        (leftover / "PG_VERSION").write_text("18\n")
        (server.folder / "passwords.incomplete").write_text("{")
        with server.running(), psycopg.connect(server.url()):
            assert not leftover.exists()
            assert not (server.folder / "passwords.incomplete").exists()

    def test_start_that_was_killed_before_the_database_was_made(self, server: EmbeddedPostgres) -> None:
        with server.running():
            server.keep_running()
            with psycopg.connect(server.url("postgres"), dbname="postgres", autocommit=True) as connection:
                connection.execute("drop database stocks")
                connection.execute("drop role stocks_reader")
        with server.running(), psycopg.connect(server.url("stocks_reader")) as connection:
            assert connection.execute("select current_database()").fetchone() == ("stocks",)
            connection.execute("set role stocks_reader")

    def test_lost_passwords_are_a_config_error(self, server: EmbeddedPostgres) -> None:
        kept = (server.folder / "passwords.json").rename(server.folder / "kept")
        try:
            with pytest.raises(ConfigError, match="does not let its owner in") as caught, server.running():
                pass
            assert "passwords.json" in caught.value.hint
            assert not server.is_running()
        finally:
            kept.rename(server.folder / "passwords.json")
        again = EmbeddedPostgres(server.folder.parent)
        with again.running(), psycopg.connect(again.url()):
            pass

    @pytest.mark.parametrize("left", ["", '{"postgres": "x', "[]", '{"postgres": "x"}'])
    def test_cut_passwords_are_a_config_error(self, left: str, server: EmbeddedPostgres) -> None:
        path = server.folder / "passwords.json"
        kept = path.read_text()
        path.write_text(left)
        try:
            with pytest.raises(ConfigError, match="passwords"), server.running():
                pass
            assert not server.is_running()
        finally:
            path.write_text(kept)

    def test_server_whose_connections_are_all_taken_is_to_be_tried_again(self, server: EmbeddedPostgres) -> None:
        with server.running(), contextlib.ExitStack() as taken:
            for _ in range(60):
                taken.enter_context(contextlib.closing(psycopg.connect(server.url("postgres"), dbname="postgres")))
            for role in (Role.OWNER, Role.READER):
                with pytest.raises(WarehouseUnavailable, match="are taken"), Warehouse(server.url()).connect(role):
                    pass
            again = EmbeddedPostgres(server.folder.parent)
            with pytest.raises(WarehouseUnavailable, match="are taken") as caught, again.running():
                pass
            assert "remove" not in caught.value.hint
            assert server.is_running()

    def test_server_that_does_not_start_says_why(self, tmp_path: Path, server: EmbeddedPostgres) -> None:
        broken = EmbeddedPostgres(tmp_path)
        shutil.copytree(server.folder, broken.folder)
        if os.geteuid() == 0:
            owner = server.data.stat()
            for path in (broken.data, *broken.data.rglob("*")):
                os.chown(path, owner.st_uid, owner.st_gid)
        (broken.data / "PG_VERSION").write_text("17\n")
        with pytest.raises(ConfigError, match=r"did not start: .*incompatible with server") as caught, broken.running():
            pass
        assert "server.log" in caught.value.hint


class TestStateFolder:
    @pytest.mark.parametrize("above", ["file", "proc"])
    def test_folder_that_cant_be_written_is_a_config_error(self, above: str, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        state = {"file": tmp_path / "file" / "state", "proc": Path("/proc/state")}[above]
        with pytest.raises(ConfigError, match="can't be written") as caught, EmbeddedPostgres(state).running():
            pass
        assert str(state) in caught.value.message
        assert "STOCKS_STATE_DIR" in caught.value.hint

    @pytest.mark.parametrize("name", ["it's my state", 'a "state"', "$(touch hurt)", "`touch hurt`", "a\\"])
    def test_folder_whose_name_a_shell_would_read(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        server = EmbeddedPostgres(tmp_path / name)
        with server.running(), psycopg.connect(server.url()):
            assert server.data.is_dir()
        assert [path.name for path in tmp_path.iterdir()] == [name]

    def test_folder_with_a_line_break_is_a_config_error(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="line break"), EmbeddedPostgres(tmp_path / "a\nb").running():
            pass


class TestInstance:
    def test_embedded_warehouse_is_migrated_and_stopped(self, server: EmbeddedPostgres) -> None:
        settings = Settings(_env_file=None, stocks_state_dir=server.folder.parent)
        with open_warehouse(settings) as warehouse, warehouse.connect(Role.READER) as connection:
            assert connection.execute("select count(*) from ops.run").fetchone() == (0,)
        assert not server.is_running()

    def test_warehouse_that_is_set_is_not_migrated_in_passing(self, postgres: EmbeddedPostgres, tmp_path: Path) -> None:
        url = postgres.url().rpartition("/")[0] + "/postgres"
        settings = Settings(_env_file=None, stocks_state_dir=tmp_path / "state", stocks_warehouse_url=url)
        with pytest.raises(ConfigError, match="lacks the migration"), open_warehouse(settings):
            pass
        assert not (tmp_path / "state").exists()

    def test_budget_is_of_the_source_in_force(self, postgres: EmbeddedPostgres) -> None:
        warehouse = Warehouse(postgres.url())
        sample = Settings(_env_file=None, stocks_source="sample", alphavantage_api_key="K3Y-K3Y")
        assert isinstance(request_budget(sample, warehouse)(PROVIDERS["sample"]), Unlimited)
        provider = Settings(_env_file=None, alphavantage_api_key="K3Y-K3Y")
        assert isinstance(request_budget(provider, warehouse)(PROVIDERS["alphavantage"]), SharedBudget)
