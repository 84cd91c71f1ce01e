"""Stores to test against: a folder, and a bucket of a real S3 server over HTTP."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from stocks.bronze import ObjectStore
from stocks.bronze.bucket_store import BucketStore, s3_client
from stocks.bronze.folder_store import FolderStore
from stocks.providers.alphavantage.answers import DAILY
from stocks.providers.provider import Answer
from stocks.settings import Settings


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """STOCKS_TEST_S3_URL (any server, credentials in AWS_*), else moto's in a thread."""
    if url := os.environ.get("STOCKS_TEST_S3_URL"):
        yield url
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server
    app = DomainDispatcherApplication(create_backend_app)
    one_at_a_time = threading.Lock()  # moto looks and writes in two steps; S3's conditional put is atomic

    def atomic(environ, start_response):
        with one_at_a_time:
            return app(environ, start_response)

    server = make_server("127.0.0.1", 0, atomic, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def s3_values(s3_endpoint) -> dict[str, str]:
    """The settings that reach the server."""
    defaults = {"aws_access_key_id": "tester", "aws_secret_access_key": "not-a-secret", "aws_region": "us-east-1"}
    given = {name: os.environ.get(name.upper(), default) for name, default in defaults.items()}
    return {"aws_endpoint_url_s3": s3_endpoint, **given}


@pytest.fixture
def bucket(s3_values) -> str:
    name = f"bronze-{uuid4().hex}"
    s3_client(Settings(_env_file=None, **s3_values)).create_bucket(Bucket=name)
    return name


@pytest.fixture
def open_bucket(s3_values, bucket) -> Callable[[str], BucketStore]:
    settings = Settings(_env_file=None, **s3_values)
    return lambda prefix="": BucketStore(bucket, prefix, s3_client(settings, attempts=1))


@pytest.fixture(params=["folder", "bucket", "bucket with prefix"])
def store(request, tmp_path) -> ObjectStore:
    if request.param == "folder":
        return FolderStore(tmp_path / "deep" / "bronze")
    return request.getfixturevalue("open_bucket")("some/prefix" if "prefix" in request.param else "")


@pytest.fixture
def answer() -> Callable[..., Answer]:
    def make(body: bytes = b'{"a": 1}', *, second: int = 0, **changes) -> Answer:
        moment = datetime(2024, 5, 17, 22, 0, second, tzinfo=UTC)
        facts = {
            "source": "sample",
            "endpoint": DAILY,
            "symbol": "IBM",
            "observed_at": moment,
        }
        return Answer(**{**facts, "body": body, **changes})

    return make
