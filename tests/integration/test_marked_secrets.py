"""A marked key and the passwords are in nothing that a run writes, prints or shows to its neighbours."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.instance import Instance

from stocks.providers.sample.api import Faults, SampleApi, running
from stocks.providers.sample.data import Sample

MARK = "M4RK/ED+KEY=0123456789"  # with what URLs and base64 spell in another way
PASSWORDS = "passwords.json"
"""Where the embedded server's are by design: a file that its user alone may read."""


def spellings(secret: str) -> set[bytes]:
    """A secret as it is, in a URL, as JSON and in base64, where it begins at any byte of three."""
    encoded = {base64.b64encode(b"\0" * before + secret.encode())[4 : -4 or None] for before in range(3)}
    return {secret.encode(), quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode(), *encoded}


def holders(secrets: Iterable[str], files: Iterable[Path]) -> list[Path]:
    """The files that hold one of the secrets, packed or not."""
    wanted = {spelling for secret in secrets for spelling in spellings(secret)}

    def held(content: bytes) -> bool:
        return any(spelling in content for spelling in wanted)

    return [
        path
        for path in files
        if path.is_file()
        and (held(content := path.read_bytes()) or (content[:2] == b"\x1f\x8b" and held(gzip.decompress(content))))
    ]


@contextmanager
def command_lines() -> Iterator[set[bytes]]:
    """The command lines of all processes, as anybody on the machine sees them, for as long as it is open."""
    seen: set[bytes] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(process.read_bytes())
                except OSError:  # it has ended
                    continue

    watching = threading.Thread(target=look)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


def test_what_is_looked_for_is_found(tmp_path: Path) -> None:
    """The test below can fail."""
    for number, spelling in enumerate(spellings(MARK)):
        (tmp_path / str(number)).write_bytes(b"x" + spelling + b"x")
    (tmp_path / "packed").write_bytes(gzip.compress(MARK.encode()))
    (tmp_path / "basic").write_bytes(base64.b64encode(f"user:{MARK}".encode()))
    (tmp_path / "clean").write_text("nothing")
    assert len(holders([MARK], tmp_path.iterdir())) == len(list(tmp_path.iterdir())) - 1


@pytest.mark.slow
def test_a_run_leaves_keys_and_passwords_nowhere(instance: Instance, tmp_path: Path) -> None:
    env_file = instance.state.parent / ".env"
    passwords = instance.state / "postgres" / PASSWORDS
    secrets = [MARK, *json.loads(passwords.read_text()).values()]
    said = []
    with command_lines() as seen, running(SampleApi(Sample(), Faults())) as url:
        env_file.write_text(
            f"STOCKS_SOURCE=alphavantage\nALPHAVANTAGE_API_KEY={MARK}\nSTOCKS_PROVIDER_URL={url}\n"
            "STOCKS_REQUESTS_PER_MINUTE=6000\n"
        )
        for command in (
            ["run", "--tickers", "FB,NOPE", "--json"],  # NOPE: the provider's errors, too
            ["status"],
            ["doctor", "--request"],
            ["query", "select current_setting('application_name'), usename, query from pg_stat_activity"],
            ["query", "nonsense"],
            ["env", "--role", "reader", "--", "dbt", "--version"],
        ):
            ended = instance.stocks(*command)
            said.append((command, ended.returncode, ended.stdout + ended.stderr))
    assert [code for _, code, _ in said] == [65, 0, 0, 0, 78, 0], said
    # Bronze, quarantine, dbt's artifacts and logs, and every file of the server: tables, write-ahead log, its own log.
    written = [path for path in instance.state.rglob("*") if path != passwords]
    assert any(path.suffix == ".gz" for path in written)
    assert any(path.name == "manifest.json" for path in written)
    assert any(path.parent.name == "pg_wal" for path in written)
    assert holders(secrets, written) == []
    for name, text in (("said", "\n".join(text for *_, text in said).encode()), ("seen", b"\n".join(seen))):
        (tmp_path / name).write_bytes(text)
        assert holders(secrets, [tmp_path / name]) == []
    assert any(b"postgres" in line for line in seen)
