"""Buckets and their logins: the requests that RustFS and versitygw understand, and what a login may do."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from stocks.bronze.bucket_store import s3_client
from stocks.bronze.provision import Login, provision, read_login
from stocks.errors import ConfigError, StoreUnavailable
from stocks.settings import Settings

WRITER = Login(bucket="bronze", access_key="bronze-writer", secret_key="hush&hush", may_delete=False)
ARGO = Login(bucket="artifacts", access_key="argo", secret_key="hush-hush", may_delete=True)


@dataclass
class ServerOfOurs:
    """Buckets, users and policies of a server that speaks one admin API; and what it answers if it is out of order."""

    kind: str
    url: str = ""
    answers: int = 0
    buckets: set[str] = field(default_factory=set)
    users: dict[str, str] = field(default_factory=dict)
    policies: dict[str, dict] = field(default_factory=dict)
    lacks: set[str] = field(default_factory=set)
    """What of S3 it does not have: versioning, object-lock, lifecycle."""
    kept: dict[tuple[str, str], str] = field(default_factory=dict)
    """What it was asked for of them, by bucket and name."""
    signed: bool = True

    def respond(self, method: str, target: str, body: str, with_lock: bool) -> int:
        path = urlsplit(target).path
        query = {k: v[0] for k, v in parse_qs(urlsplit(target).query, keep_blank_values=True).items()}
        if self.answers:
            return self.answers
        if self.kind == "rustfs" and path.startswith("/rustfs/admin/v3/"):
            return self._rustfs(path.rpartition("/")[2], query, body)
        if self.kind == "versitygw" and path in {"/create-user", "/update-user"}:
            return self._versitygw(path, query, body)
        if path.startswith(("/rustfs/", "/create-user")):
            return 404  # an object in a bucket that there isn't
        bucket = path.strip("/")
        if method == "HEAD":
            return 200 if bucket in self.buckets else 404
        if asked := {"versioning", "object-lock", "lifecycle"} & query.keys():
            (name,) = asked
            if name in self.lacks:
                return 501
            self.kept[bucket, name] = body
            return 200
        if with_lock and "object-lock" in self.lacks:
            return 501
        if "policy" in urlsplit(target).query:
            self.policies[bucket] = json.loads(body)
        self.buckets.add(bucket)
        return 200

    def _rustfs(self, action: str, query: dict[str, str], body: str) -> int:
        if action == "add-user":
            self.users[query["accessKey"]] = json.loads(body)["secretKey"]
        elif action == "add-canned-policy":
            self.policies[query["name"]] = json.loads(body)
        else:
            assert (query["policyName"], query["isGroup"]) == (query["userOrGroup"], "false")
        return 200

    def _versitygw(self, path: str, query: dict[str, str], body: str) -> int:
        secret = re.search("<Secret>(.*)</Secret>", body)[1].replace("&amp;", "&")  # type: ignore[index]
        if path == "/update-user":
            self.users[query["access"]] = secret
            return 200
        user = re.search("<Access>(.*)</Access>", body)[1]  # type: ignore[index]
        if user in self.users:
            return 409
        self.users[user] = secret
        return 201


@pytest.fixture(params=["rustfs", "versitygw"])
def server(request: pytest.FixtureRequest) -> Iterator[ServerOfOurs]:
    ours = ServerOfOurs(request.param)

    class Front(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_it(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            ours.signed &= "Credential=root/" in self.headers.get("Authorization", "")
            with_lock = "x-amz-bucket-object-lock-enabled" in self.headers
            status = ours.respond(self.command, self.path, body, with_lock)
            told = b"<Error><Code>NotImplemented</Code></Error>" if status == 501 else b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_HEAD = do_PUT = do_PATCH = handle_it  # noqa: N815 - the names that http.server looks for

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    ours.url = f"http://127.0.0.1:{http.server_port}"
    yield ours
    http.shutdown()
    thread.join()
    http.server_close()


def make(server: ServerOfOurs, *logins: Login, lock_days: int = 0, expire_days: int = 0) -> list[str]:
    settings = Settings(
        _env_file=None,
        aws_endpoint_url_s3=server.url,
        aws_region="us-east-1",
        aws_access_key_id="root",
        aws_secret_access_key="root-secret",
    )
    client = s3_client(settings, attempts=1)
    return provision(client, list(logins), lock_days=lock_days, expire_days={ARGO.bucket: expire_days})


def allowed(server: ServerOfOurs, login: Login) -> set[str]:
    policy = server.policies[login.access_key if server.kind == "rustfs" else login.bucket]
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        assert all(re.fullmatch(f"arn:aws:s3:::{login.bucket}(/\\*)?", each) for each in statement["Resource"])
        assert statement.get("Principal", {"AWS": [login.access_key]}) == {"AWS": [login.access_key]}
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def test_buckets_and_logins_are_made_with_the_root_login(server: ServerOfOurs) -> None:
    said = make(server, WRITER, ARGO)
    assert server.buckets == {"bronze", "artifacts"}
    assert server.users == {"bronze-writer": "hush&hush", "argo": "hush-hush"}
    assert server.signed
    assert said[0] == "Bucket bronze made."
    assert "hush" not in " ".join(said)


def test_only_a_login_that_may_delete_may(server: ServerOfOurs) -> None:
    make(server, WRITER, ARGO)
    both = {"s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:GetBucketLocation"}
    assert allowed(server, WRITER) == {*both, "s3:GetObjectVersion", "s3:ListBucketVersions"}
    assert allowed(server, ARGO) > both
    assert "s3:DeleteObject" in allowed(server, ARGO)


def test_again_changes_nothing_but_a_secret_that_changed(server: ServerOfOurs) -> None:
    make(server, WRITER)
    said = make(server, Login(bucket="bronze", access_key="bronze-writer", secret_key="new", may_delete=False))
    assert said[0] == "Bucket bronze is there."
    assert server.users == {"bronze-writer": "new"}


def test_what_is_only_added_to_is_kept_and_the_rest_forgotten(server: ServerOfOurs) -> None:
    said = make(server, WRITER, ARGO, lock_days=30, expire_days=14)
    assert set(server.kept) == {("bronze", "versioning"), ("bronze", "object-lock"), ("artifacts", "lifecycle")}
    assert "<Status>Enabled</Status>" in server.kept["bronze", "versioning"]
    assert "<Mode>GOVERNANCE</Mode><Days>30</Days>" in server.kept["bronze", "object-lock"]
    assert "<Expiration><Days>14</Days></Expiration>" in server.kept["artifacts", "lifecycle"]
    assert {
        "Bucket bronze keeps every version of an object.",
        "Bucket bronze locks an object for 30 days.",
        "Bucket artifacts deletes an object after 14 days.",
    } <= set(said)


def test_versions_are_kept_also_without_a_lock(server: ServerOfOurs) -> None:
    make(server, WRITER, ARGO)
    assert set(server.kept) == {("bronze", "versioning")}


def test_what_the_server_can_not_do_is_said_and_stops_nothing(server: ServerOfOurs) -> None:
    server.lacks = {"versioning", "object-lock", "lifecycle"}
    said = make(server, WRITER, ARGO, lock_days=30, expire_days=14)
    assert server.kept == {}
    assert server.buckets == {"bronze", "artifacts"}
    assert len([sentence for sentence in said if "can't" in sentence]) == 3


def test_without_versions_there_is_no_lock(server: ServerOfOurs) -> None:
    """A lock would answer 403 to a conditional write: the client would take its own key for a wrong login."""
    server.lacks = {"versioning"}
    make(server, WRITER, lock_days=30)
    assert server.kept == {}


@pytest.mark.parametrize(("status", "error"), [(503, StoreUnavailable), (403, ConfigError)])
def test_a_server_out_of_order_is_told_from_a_wrong_login(
    server: ServerOfOurs, status: int, error: type[Exception]
) -> None:
    server.answers = status
    with pytest.raises(error, match=str(status)):
        make(server, WRITER)


def test_a_server_without_users_says_so(server: ServerOfOurs) -> None:
    server.kind = "another"
    with pytest.raises(ConfigError, match="no users of its own"):
        make(server, WRITER)


def test_a_server_that_is_not_there_is_a_passing_fault(server: ServerOfOurs) -> None:
    server.url = "http://127.0.0.1:1"
    with pytest.raises(StoreUnavailable, match="can't be reached"):
        make(server, WRITER)


def test_a_login_is_read_from_a_folder_named_as_its_bucket(tmp_path: Path) -> None:
    folder = tmp_path / "bronze"
    folder.mkdir()
    with pytest.raises(ConfigError, match="can't be read"):
        read_login(folder, may_delete=False)
    (folder / "access-key").write_text("bronze-writer\n")
    (folder / "secret-key").write_text("")
    with pytest.raises(ConfigError, match="is empty"):
        read_login(folder, may_delete=False)
    (folder / "secret-key").write_text("hush&hush\n")
    assert read_login(folder, may_delete=False) == WRITER
