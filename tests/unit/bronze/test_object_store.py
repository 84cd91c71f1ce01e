"""What every store must do, whichever it is."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stocks.bronze.object_store import ObjectStore
from stocks.errors import ConfigError, DataError


def test_an_object_comes_back_as_it_was(store):
    assert store.put_if_absent("series/IBM/one", b"\0\xffbytes")
    assert store.get("series/IBM/one") == b"\0\xffbytes"


def test_an_object_is_never_overwritten(store):
    assert store.put_if_absent("series/IBM/one", b"first")
    assert not store.put_if_absent("series/IBM/one", b"second")
    assert store.get("series/IBM/one") == b"first"


def test_of_many_writers_at_once_one_wins(store):
    bodies = [str(writer).encode() * 1000 for writer in range(16)]
    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda body: store.put_if_absent("series/IBM/one", body), bodies))
    assert written.count(True) == 1
    assert store.get("series/IBM/one") == bodies[written.index(True)]
    assert store.keys("") == ["series/IBM/one"]


def test_keys_are_those_with_the_prefix_in_order(store):
    for key in ("series/IBM/b", "series/IBM/a", "series/IBM.X/a", "series/I", "quarantine/IBM/a"):
        store.put_if_absent(key, b"")
    assert store.keys("series/IBM/") == ["series/IBM/a", "series/IBM/b"]
    assert store.keys("series/IBM") == ["series/IBM.X/a", "series/IBM/a", "series/IBM/b"]
    assert store.keys("") == [
        "quarantine/IBM/a",
        "series/I",
        "series/IBM.X/a",
        "series/IBM/a",
        "series/IBM/b",
    ]


def test_an_empty_store_has_no_keys(store):
    assert store.keys("") == []
    assert store.keys("series/IBM/") == []


def test_a_missing_object_is_named(store):
    with pytest.raises(DataError, match=r"holds no object series/IBM/one"):
        store.get("series/IBM/one")


def test_a_check_leaves_nothing_that_is_listed(store):
    store.put_if_absent("series/IBM/one", b"")
    store.check()
    store.check()
    assert store.keys("") == ["series/IBM/one"]


@given(body=st.binary())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_come_back(store, body):
    key = f"series/IBM/{body.hex()[:100]}-{len(body)}-{hash(body)}"
    store.put_if_absent(key, body)
    assert store.get(key) == body


class Forgetful(ObjectStore):
    """A store with a fault, in memory."""

    url = "memory:"

    def __init__(self, *, overwrites: bool = False, mangles: bool = False) -> None:
        self.held: dict[str, bytes] = {}
        self.overwrites, self.mangles = overwrites, mangles

    def put_if_absent(self, key: str, data: bytes) -> bool:
        if key in self.held and not self.overwrites:
            return False
        self.held[key] = data
        return True

    def get(self, key: str) -> bytes:
        return self.held[key] + b"!" * self.mangles

    def keys(self, prefix: str) -> list[str]:
        return []


@pytest.mark.parametrize(
    ("store", "said"),
    [(Forgetful(overwrites=True), "overwrites objects"), (Forgetful(mangles=True), "other bytes than")],
)
def test_a_check_finds_a_store_that_can_not_be_trusted(store, said):
    with pytest.raises(ConfigError, match=said):
        store.check()


def test_a_check_passes_a_store_without_fault():
    Forgetful().check()
