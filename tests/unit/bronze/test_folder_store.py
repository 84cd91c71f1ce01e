"""What only a folder can get wrong."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from stocks.bronze.folder_store import FolderStore
from stocks.errors import ConfigError, StocksError, StoreUnavailable

KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from stocks.bronze.folder_store import FolderStore

def die(event, args):
    if event == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

store = FolderStore(Path(sys.argv[1]))
store.put_if_absent("series/IBM/before", b"before")
sys.addaudithook(die)
store.put_if_absent("series/IBM/one", b"bytes")
"""


def test_a_killed_write_leaves_nothing_that_counts(tmp_path):
    died = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(tmp_path), "os.link"])
    assert died.returncode == -signal.SIGKILL
    store = FolderStore(tmp_path)
    assert len(list((tmp_path / "series" / "IBM").iterdir())) == 2, "the unfinished file is still there"
    assert store.keys("") == ["series/IBM/before"]
    assert store.put_if_absent("series/IBM/one", b"again")
    assert store.get("series/IBM/one") == b"again"


def test_a_write_leaves_one_file(tmp_path):
    store = FolderStore(tmp_path)
    store.put_if_absent("series/IBM/one", b"bytes")
    store.put_if_absent("series/IBM/one", b"bytes")
    assert [path.name for path in (tmp_path / "series" / "IBM").iterdir()] == ["one"]


@pytest.mark.parametrize("key", ["../outside", "series/../../outside", "/etc/outside", "a\\..\\b", "a\0b"])
def test_a_key_can_not_lead_out_of_the_folder(tmp_path, key):
    store = FolderStore(tmp_path / "bronze")
    for use in (store.get, store.keys, lambda key: store.put_if_absent(key, b"")):
        with pytest.raises(ConfigError, match="can't be a key"):
            use(key + "/" if use == store.keys else key)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["bronze", "bronze/below"])
def test_a_file_in_the_folders_place_is_explained(tmp_path, place):
    (tmp_path / "bronze").write_text("a file")
    store = FolderStore(tmp_path / place)
    for use in (
        lambda: store.put_if_absent("series/IBM/one", b""),
        lambda: store.get("series/IBM/one"),
        store.check,
    ):
        with pytest.raises(ConfigError, match="A file is where a folder must be") as caught:
            use()
        assert str(tmp_path / place) in str(caught.value)


SMALL_FILES_ONLY = """
import resource, signal, sys
from pathlib import Path
from stocks.bronze.folder_store import FolderStore
from stocks.errors import ConfigError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
try:
    FolderStore(Path(sys.argv[1])).put_if_absent("series/IBM/one", bytes(10_000))
except ConfigError as error:
    print(error)
finally:  # what measures coverage writes at the end
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
"""


def test_a_write_that_does_not_fit_leaves_no_object(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SMALL_FILES_ONLY, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "can't be written: File too large." in done.stdout
    assert str(tmp_path) in done.stdout
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.ENOSPC, ConfigError, "Free some space"),
        (errno.EROFS, ConfigError, "can be written"),
        (errno.EACCES, ConfigError, "the right to read and write"),
        (errno.EPERM, ConfigError, "hard links"),
        (errno.EIO, StoreUnavailable, os.strerror(errno.EIO)),
        (errno.ESTALE, StoreUnavailable, os.strerror(errno.ESTALE)),
        (None, StoreUnavailable, "OSError"),
    ],
)
def test_a_fault_of_the_disk_says_whether_it_lasts(tmp_path, number, kind, said):
    store = FolderStore(tmp_path)
    fault = OSError(number, os.strerror(number)) if number else OSError()
    with pytest.raises(StocksError) as caught:
        store._explain(fault, "written")
    assert type(caught.value) is kind
    assert said in str(caught.value)
    assert str(tmp_path) in str(caught.value)
