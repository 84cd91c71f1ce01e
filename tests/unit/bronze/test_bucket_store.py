"""What only an S3 server can get wrong: each fault over HTTP, against a server that plays it."""

import socket
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stocks.bronze.bucket_store import BucketStore, s3_client
from stocks.errors import ConfigError, StocksError, StoreUnavailable
from stocks.settings import Settings

SECRET = "s3cr3t-that-nobody-may-see"


@dataclass
class Script:
    """Answers to give in turn (status, code of S3), and the headers of the requests that came."""

    answers: list[tuple[int, str]] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()

    class Player(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.requests.append(dict(self.headers))
            status, code = script.answers.pop(0)
            body = f"<Error><Code>{code}</Code><Message>{SECRET}</Message></Error>".encode() if code else b""
            if status == 0:
                self.close_connection = True  # and no answer
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Player)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_port}"
    yield script
    server.shutdown()
    thread.join()
    server.server_close()


def settings_for(url: str) -> Settings:
    return Settings(
        _env_file=None,
        aws_endpoint_url_s3=url,
        aws_region="us-east-1",
        aws_access_key_id="tester",
        aws_secret_access_key=SECRET,
    )


def open_store(url: str, sleeps: list[float] | None = None, attempts: int = 1) -> BucketStore:
    slept = [] if sleeps is None else sleeps
    return BucketStore("bronze", "", s3_client(settings_for(url), attempts=attempts), sleep=slept.append)


def test_a_write_asks_for_an_absent_key_and_names_its_checksum(script):
    script.answers = [(200, "")]
    assert open_store(script.url).put_if_absent("a/b", b"bytes")
    headers = {name.lower(): value for name, value in script.requests[0].items()}
    assert headers["if-none-match"] == "*"
    assert headers["x-amz-checksum-sha256"] == "J3CJ2RwL308uaGK6fkoHYFEZQx9dE/cm3TUrBvGyBqk="


def test_a_conflict_is_tried_again(script):
    sleeps: list[float] = []
    script.answers = [(409, "ConditionalRequestConflict"), (409, "ConditionalRequestConflict"), (200, "")]
    assert open_store(script.url, sleeps).put_if_absent("a/b", b"")
    assert len(sleeps) == 2


def test_a_conflict_that_was_lost_says_so(script):
    script.answers = [(409, "ConditionalRequestConflict"), (412, "PreconditionFailed")]
    assert not open_store(script.url).put_if_absent("a/b", b"")


def test_a_conflict_without_end_is_a_passing_fault(script):
    script.answers = [(409, "ConditionalRequestConflict")] * 5
    with pytest.raises(StoreUnavailable, match="by others"):
        open_store(script.url).put_if_absent("a/b", b"")
    assert script.answers == []


@pytest.mark.parametrize(
    ("status", "code", "kind", "said"),
    [
        (500, "InternalError", StoreUnavailable, "500 InternalError"),
        (503, "SlowDown", StoreUnavailable, "503 SlowDown"),
        (429, "TooManyRequests", StoreUnavailable, "429"),
        (400, "RequestTimeout", StoreUnavailable, "RequestTimeout"),
        (0, "", StoreUnavailable, "can't be reached"),
        (403, "AccessDenied", ConfigError, "AWS_SECRET_ACCESS_KEY"),
        (403, "InvalidAccessKeyId", ConfigError, "AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", ConfigError, "AWS_SECRET_ACCESS_KEY"),
        (403, "RequestTimeTooSkewed", ConfigError, "clocks"),
        (404, "NoSuchBucket", ConfigError, "Make the bucket"),
        (400, "AuthorizationHeaderMalformed", ConfigError, "AWS_REGION"),
        (405, "MethodNotAllowed", ConfigError, "STOCKS_STORE_URL"),
    ],
)
@pytest.mark.parametrize("use", ["put_if_absent", "get", "keys"])
def test_a_refusal_says_what_to_do_and_no_secret(script, status, code, kind, said, use):
    script.answers = [(status, code)]
    store = open_store(script.url)
    with pytest.raises(StocksError) as caught:
        store.put_if_absent("a/b", b"") if use == "put_if_absent" else getattr(store, use)("a/b")
    assert type(caught.value) is kind
    assert said in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_passing_fault_is_tried_again_first(script):
    script.answers = [(503, "SlowDown"), (200, "")]
    assert open_store(script.url, attempts=2).put_if_absent("a/b", b"")
    assert len(script.requests) == 2


def test_a_server_that_is_down_is_a_passing_fault():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        store = open_store(f"http://user:{SECRET}@127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(StoreUnavailable, match="AWS_ENDPOINT_URL_S3") as caught:
            store.check()
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("versioning", "said"),
    [("Enabled", "keeps versions of what is written over"), (None, "a foreign client could write over objects")],
)
def test_a_check_tells_what_becomes_of_what_is_written_over(open_bucket, bucket, versioning, said):
    store = open_bucket()
    if versioning:
        store._client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": versioning})
    assert store.check() == said


def test_a_login_that_can_not_write_over_objects_is_told(script):
    script.answers = [(403, "AccessDenied")]
    assert open_store(script.url).guard("a/b", b"") == "nothing can be written over"


def test_a_missing_bucket_is_explained(open_bucket):
    store = BucketStore("no-such-bucket-here", "", open_bucket()._client)
    with pytest.raises(ConfigError, match="NoSuchBucket"):
        store.check()


def test_a_listing_goes_past_its_first_page(open_bucket):
    store = open_bucket("some")
    keys = [f"series/IBM/{number:04}" for number in range(7)]
    for key in keys:
        store.put_if_absent(key, b"")

    def two_a_page(params: dict[str, object], **_: object) -> None:
        params["MaxKeys"] = 2

    store._client.meta.events.register("provide-client-params.s3.ListObjectsV2", two_a_page)
    assert store.keys("series/") == keys


@pytest.mark.parametrize("url", ["not an address", "ftp//nowhere"])
def test_a_wrong_endpoint_is_explained(url):
    with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL_S3"):
        s3_client(settings_for(url))


def test_a_wrong_bucket_name_is_explained(script):
    store = BucketStore("NOT A BUCKET", "", s3_client(settings_for(script.url)))
    with pytest.raises(ConfigError, match="STOCKS_STORE_URL"):
        store.check()
