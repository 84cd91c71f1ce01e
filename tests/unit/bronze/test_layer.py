"""Answers in and out of bronze."""

import gzip
import hashlib
import subprocess
import sys
import tracemalloc
import zlib
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stocks.bronze import Bronze, ObjectKey, open_bronze
from stocks.bronze.folder_store import FolderStore
from stocks.errors import ConfigError, CorruptObject, DataError
from stocks.providers.alphavantage.answers import DAILY, OVERVIEW, WEEKLY
from stocks.settings import Settings


@pytest.fixture
def bronze(store) -> Bronze:
    return Bronze(store)


def settings_with(**values: object) -> Settings:
    return Settings(_env_file=None, **values)


def test_an_answer_comes_back(bronze, answer):
    key, written = bronze.put(answer(b"body"))
    assert written
    assert bronze.read(key) == b"body"
    assert bronze.objects("IBM") == [key]
    assert key.sha256 == hashlib.sha256(b"body").hexdigest()


def test_an_overview_lies_apart_from_the_series(bronze, answer):
    series, _ = bronze.put(answer())
    overview, _ = bronze.put(answer(endpoint=OVERVIEW))
    assert (series.area, overview.area) == ("series", "reference")
    assert bronze.objects("IBM") == [series]
    assert bronze.objects("IBM", "reference") == [overview]


def test_an_equal_answer_is_not_stored_again(bronze, answer):
    first, _ = bronze.put(answer(second=1))
    assert bronze.put(answer(second=2)) == (first, False)
    assert bronze.put(answer(second=1)) == (first, False)
    assert bronze.objects("IBM") == [first]


def test_an_answer_that_returns_to_an_older_one_is_stored(bronze, answer):
    written = [bronze.put(answer(body, second=second)) for second, body in enumerate([b"a", b"b", b"a", b"a"])]
    assert [new for _, new in written] == [True, True, True, False]
    assert [bronze.read(key) for key in bronze.objects("IBM")] == [b"a", b"b", b"a"]


def test_a_late_answer_is_compared_with_what_was_known_at_its_time(bronze, answer):
    bronze.put(answer(b"a", second=1))
    bronze.put(answer(b"b", second=9))
    _, written = bronze.put(answer(b"b", second=5))
    assert written
    assert bronze.put(answer(b"a", second=3))[1] is False
    assert [bronze.read(key) for key in bronze.objects("IBM")] == [b"a", b"b", b"b"]


def test_two_answers_within_a_second_are_both_kept(bronze, answer):
    one, _ = bronze.put(answer(b"one"))
    other, _ = bronze.put(answer(b"other"))
    assert {key.sha256 for key in bronze.objects("IBM")} == {one.sha256, other.sha256}
    # Which of them came last is unknown, so that neither makes the next one "unchanged".
    assert bronze.put(answer(b"one", second=1))[1]
    assert bronze.put(answer(b"one", second=2))[1] is False


@pytest.mark.parametrize("change", [{"symbol": "AAPL"}, {"source": "alphavantage"}, {"endpoint": OVERVIEW}])
def test_an_equal_answer_to_another_question_is_stored(bronze, answer, change):
    bronze.put(answer())
    assert bronze.put(answer(**change))[1]


def test_quarantine_is_where_no_series_is_looked_for(bronze, answer):
    moment = datetime(2024, 5, 17, 22, tzinfo=UTC)
    key = bronze.quarantine("sample", DAILY.name, "IBM", moment, b"<html>")
    assert bronze.objects("IBM") == []
    assert bronze.objects("IBM", "quarantine") == [key]
    assert bronze.read(key) == b"<html>"
    later = moment.replace(minute=1)
    assert bronze.quarantine("sample", DAILY.name, "IBM", later, b"<html>") == key


def test_objects_are_found_by_endpoint_and_source(bronze, answer):
    daily, _ = bronze.put(answer(second=3))
    weekly, _ = bronze.put(answer(second=2, endpoint=WEEKLY))
    other, _ = bronze.put(answer(second=1, source="alphavantage"))
    bronze.put(answer(symbol="IBM.LON"))
    assert bronze.objects("IBM") == [other, weekly, daily]
    assert bronze.objects("IBM", endpoint=WEEKLY.name) == [weekly]
    assert bronze.objects("IBM", source="alphavantage") == [other]
    assert bronze.objects("IBM", endpoint="TIME_SERIES_DAILY", source="sample") == []


def test_symbols_are_those_with_an_object_in_the_area(bronze, answer):
    for symbol in ("MSFT", "BRK-B", "IBM"):
        bronze.put(answer(symbol=symbol))
    bronze.put(answer(symbol="AAPL", endpoint=OVERVIEW))
    assert bronze.symbols() == ["BRK-B", "IBM", "MSFT"]
    assert bronze.symbols("reference") == ["AAPL"]
    assert bronze.symbols("quarantine") == []


def test_a_strangers_files_are_passed_over(bronze, store, answer):
    key, _ = bronze.put(answer())
    for name in ("README", "series/IBM/notes.txt", f"{key.prefix}20240101T000000Z-short.json.gz"):
        store.put_if_absent(name, b"")
    assert bronze.objects("IBM") == [key]
    assert bronze.symbols() == ["IBM"]


def test_what_lies_among_a_symbols_objects_and_is_none_is_its_fault_in_one_line(bronze, store, answer):
    key, _ = bronze.put(answer())
    far = f"{key.prefix}1{str(key).removeprefix(key.prefix)}"  # of a year with five digits
    assert bronze.held("IBM") == ([key], None)
    for name in (far, "series/IBM/a b", "series/MSFT/notes.txt", "series/not a symbol/notes.txt", "series/README"):
        store.put_if_absent(name, b"")
    keys, stray = bronze.held("IBM")
    assert keys == [key]
    assert f"{far!r}, and 1 more, in {store.url} is no object of bronze" in str(stray)
    assert "move it away" in str(stray)
    # Below the folder of one endpoint and source.
    assert bronze.held("IBM", endpoint=key.endpoint, source=key.source).stray is not None
    assert bronze.held("IBM", endpoint=WEEKLY.name).stray is None
    assert bronze.held("IBM", area="reference") == ([], None)
    assert bronze.symbols() == ["IBM", "MSFT"]


def test_a_symbol_that_is_a_path_is_refused(bronze, answer):
    for symbol in ("../IBM", "IBM/x", ""):
        with pytest.raises(ConfigError, match="not a symbol"):
            bronze.put(answer(symbol=symbol))
        with pytest.raises(ConfigError, match="not a symbol"):
            bronze.objects(symbol)


def test_a_missing_object_is_an_error_of_the_data(bronze, answer):
    key, _ = bronze.put(answer())
    absent = ObjectKey(
        area="quarantine",
        symbol=key.symbol,
        endpoint=key.endpoint,
        source=key.source,
        observed_at=key.observed_at,
        sha256=key.sha256,
    )
    with pytest.raises(DataError, match=str(absent)):
        bronze.read(absent)


def test_equal_answers_give_equal_objects(tmp_path, answer):
    packed = []
    for name in ("one", "other"):
        key, _ = Bronze(FolderStore(tmp_path / name)).put(answer(b"body" * 1000))
        packed.append((tmp_path / name / str(key)).read_bytes())
    assert packed[0] == packed[1]
    assert packed[0][3:8] == bytes(5), "the header holds no name and no time"


@given(body=st.binary(max_size=200), data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_changed_byte_gives_another_answer(tmp_path_factory, answer, body, data):
    folder = tmp_path_factory.mktemp("bronze")
    bronze = Bronze(FolderStore(folder))
    key, _ = bronze.put(answer(body))
    path = folder / str(key)
    packed = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(packed)
    try:
        read = bronze.read(key)
    except CorruptObject:
        return
    assert read == body, "only a byte of gzip's header that says nothing about the answer may pass"


@pytest.mark.parametrize(
    "held",
    [b"", b"not gzip", gzip.compress(b"other"), gzip.compress(b"body")[:-3], gzip.compress(b"body") + b"x"],
    # gzip writes the time into its bytes: workers that collect a second apart would not agree on a name.
    ids=["empty", "no gzip", "another", "cut off", "longer"],
)
def test_an_object_with_other_bytes_is_named(tmp_path, answer, held):
    bronze = Bronze(FolderStore(tmp_path))
    key, _ = bronze.put(answer(b"body"))
    (tmp_path / str(key)).write_bytes(held)
    with pytest.raises(CorruptObject, match=r"Restore that object") as caught:
        bronze.read(key)
    assert str(key) in str(caught.value)


def test_an_object_that_was_written_over_is_read_from_its_version(open_bucket, bucket, answer):
    store = open_bucket("some")
    client = store._client
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    bronze = Bronze(store)
    key, _ = bronze.put(answer(b"body"))
    for wrong in (b"", gzip.compress(b"another")):
        client.put_object(Bucket=bucket, Key=f"some/{key}", Body=wrong)
    assert bronze.read(key) == b"body"
    versions = client.list_object_versions(Bucket=bucket, Prefix=f"some/{key}")["Versions"]
    (first,) = (each for each in versions if each["Size"] == min(v["Size"] for v in versions if v["Size"]))
    client.delete_object(Bucket=bucket, Key=first["Key"], VersionId=first["VersionId"])
    with pytest.raises(CorruptObject):
        bronze.read(key)


LARGEST = Settings(_env_file=None).stocks_answer_bytes


def bomb() -> bytes:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    megabyte = bytes(2**20)
    packed = [packer.compress(megabyte) for _ in range(20 * LARGEST // len(megabyte))]
    return b"".join([*packed, packer.flush()])


@pytest.mark.parametrize(
    ("held", "wrong"),
    [(bomb(), "more than the 33,554,432 of STOCKS_ANSWER_BYTES"), (bytes(10 * LARGEST), "don't match the checksum")],
    ids=["bomb", "huge"],
)
def test_of_an_object_no_more_is_read_than_an_answer_may_have(tmp_path, answer, held, wrong):
    bronze = Bronze(FolderStore(tmp_path))
    key, _ = bronze.put(answer(b"body"))
    (tmp_path / str(key)).write_bytes(held)
    tracemalloc.start()
    with pytest.raises(CorruptObject, match=wrong) as caught:
        bronze.read(key)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(key) in str(caught.value)
    assert peak < (1.3 if wrong.startswith("more") else 2.3) * LARGEST  # packed, and unpacked


def test_the_limit_of_an_object_is_a_setting(tmp_path, answer):
    random = Random(0).randbytes(1000)  # packed, it is larger
    for limit in (1000, 999):
        folder = (tmp_path / "bronze").as_uri()
        bronze = open_bronze(Settings(_env_file=None, stocks_store_url=folder, stocks_answer_bytes=limit))
        key, _ = bronze.put(answer(random))
        if limit == len(random):
            assert bronze.read(key) == random
    with pytest.raises(CorruptObject, match="STOCKS_ANSWER_BYTES"):
        bronze.read(key)


def test_a_folder_is_opened_by_its_address(tmp_path):
    folder = tmp_path / "with space & 100%"
    assert open_bronze(settings_with(stocks_store_url=folder.as_uri())).store.url == folder.as_uri()


def test_the_state_folder_is_the_default(tmp_path):
    bronze = open_bronze(settings_with(stocks_state_dir=tmp_path, stocks_store_url=None))
    assert bronze.store.url == (tmp_path / "bronze").as_uri()


def test_a_bucket_is_opened_by_its_address(s3_values, bucket, answer):
    from_address = open_bronze(settings_with(stocks_store_url=f"s3://{bucket}/some/prefix/", **s3_values))
    assert from_address.store.url == f"s3://{bucket}/some/prefix"
    from_address.store.check()
    key, _ = from_address.put(answer())
    assert from_address.read(key) == b'{"a": 1}'


@pytest.mark.parametrize(
    "url",
    [
        "bronze",
        "/srv/bronze",
        "file://bronze",
        "file:///srv/bro%00nze",
        "http://host/bucket",
        "s3://",
        "s3:///prefix",
        "s3://tester:not-for-eyes@bucket/prefix",
        "s3://bucket?key=not-for-eyes",
        "s3://[not-for-eyes",
    ],
)
def test_another_address_is_refused_and_not_repeated(url):
    with pytest.raises(ConfigError, match="STOCKS_STORE_URL") as caught:
        open_bronze(settings_with(stocks_store_url=url))
    assert "not-for-eyes" not in str(caught.value)


def test_a_folder_needs_no_boto3():
    program = "import sys, stocks.bronze; print([m for m in ('boto3', 'botocore') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert done.stdout.strip() == "[]"
