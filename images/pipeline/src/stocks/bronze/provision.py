"""Buckets, and logins that may do in one bucket what they need and no more; made in a server of our own.

A bucket that is only added to keeps every version of an object, and locks it, as far as the server can: S3's right to
write a key is the right to write over it, too, and neither RustFS nor versitygw knows the condition by which a policy
of AWS asks for `If-None-Match`. A bucket in which may be deleted forgets by itself what is old.

S3 itself knows no users. RustFS makes them by its admin API, and grants by policies that belong to the user. Where
the server has no such API, versitygw's is tried: it stands in for RustFS on machines that can't have its image, and
grants by policies that belong to the bucket.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote
from xml.sax.saxutils import escape

import botocore.exceptions as aws
import httpx
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest

from stocks.bronze.bucket_store import bucket_faults
from stocks.errors import ConfigError, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import LifecycleRuleTypeDef

_READ = ("s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation")
_APPEND = (*_READ, "s3:GetObjectVersion", "s3:ListBucketVersions", "s3:PutObject")
_WRITE = (*_READ, "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
_OF_BUCKET = ("s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketVersions")
# How servers say that they have no versions, locks or lifecycles, or that a bucket was made without a lock.
_NOT_THERE = frozenset(
    {
        "InvalidBucketState",
        "MethodNotAllowed",
        "NotImplemented",
        "ObjectLockConfigurationNotFoundError",
        "ObjectLockConfigurationNotAllowedError",
        "VersioningNotConfigured",
    }
)


@dataclass(frozen=True, kw_only=True)
class Login:
    """Who may use a bucket."""

    bucket: str
    access_key: str
    secret_key: str
    may_delete: bool

    @property
    def statements(self) -> list[dict[str, Any]]:
        """What it may do, in the language of S3's policies."""
        actions = _WRITE if self.may_delete else _APPEND
        place = f"arn:aws:s3:::{self.bucket}"
        return [
            {"Effect": "Allow", "Action": [a for a in actions if a in _OF_BUCKET], "Resource": [place]},
            {"Effect": "Allow", "Action": [a for a in actions if a not in _OF_BUCKET], "Resource": [f"{place}/*"]},
        ]


def read_login(folder: Path, *, may_delete: bool) -> Login:
    """A login from a folder that is named as its bucket, with the files access-key and secret-key.

    Raises:
        ConfigError: One of the files is missing or empty.
    """
    try:
        access_key, secret_key = ((folder / name).read_text("utf-8").strip() for name in ("access-key", "secret-key"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The login in {folder} can't be read.", hint="It is access-key and secret-key.") from error
    if not access_key or not secret_key:
        raise ConfigError(f"The login in {folder} is empty.")
    return Login(bucket=folder.name, access_key=access_key, secret_key=secret_key, may_delete=may_delete)


def provision(
    client: S3Client,
    logins: list[Login],
    *,
    lock_days: int = 0,
    expire_days: Mapping[str, int] = MappingProxyType({}),
    transport: httpx.BaseTransport | None = None,
) -> list[str]:
    """Makes the buckets and the logins, and brings the logins' secrets and rights to what they should be.

    Args:
        client: Of the server's root login.
        logins: One a bucket.
        lock_days: For which an object of a bucket that is only added to can't be changed or deleted, but by who may
            bypass the governance of its lock; 0: it is not locked.
        expire_days: After which the server deletes an object, by bucket; 0, or a bucket that is not named: never.
        transport: How the admin API is reached; the network by default.

    Returns:
        What was found or made, a sentence each.

    Raises:
        StoreUnavailable: The server can't be reached, or answered 5xx.
        ConfigError: The root login is refused, or the server has no users of its own.
    """
    url = client.meta.endpoint_url
    said = []
    with bucket_faults(url), httpx.Client(base_url=url, timeout=30, transport=transport) as http:
        server = _Admin(client, http)
        for login in logins:
            is_made = _create_bucket(client, login.bucket, with_lock=lock_days > 0 and not login.may_delete)
            said.append(f"Bucket {login.bucket} {'made' if is_made else 'is there'}.")
            if not login.may_delete:
                said += _keep(client, login.bucket, lock_days)
            elif days := expire_days.get(login.bucket):
                said.append(_expire(client, login.bucket, days))
            users: _Users = RustfsUsers(server)
            if not users.put(login):
                users = VersityUsers(server, client)
                if not users.put(login):
                    raise ConfigError(
                        f"{url} has no users of its own.", hint="Is it RustFS? Are its users switched on?"
                    )
            may = "read, write and delete" if login.may_delete else "read and write, not delete"
            said.append(f"Login {login.access_key} may {may} in {login.bucket}.")
    return said


def _create_bucket(client: S3Client, bucket: str, *, with_lock: bool) -> bool:
    try:
        client.head_bucket(Bucket=bucket)
    except aws.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        # Objects can be locked only in a bucket that was made so.
        if not (with_lock and _can(lambda: client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True))):
            client.create_bucket(Bucket=bucket)
        return True
    return False


def _keep(client: S3Client, bucket: str, lock_days: int) -> list[str]:
    """Lets a bucket keep what is written over or deleted.

    A lock without versions would answer "forbidden" to a conditional write that should be told that the key is taken.
    """
    said = []
    is_versioned = _can(
        lambda: client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    )
    said.append(
        f"Bucket {bucket} keeps " + ("every version of an object." if is_versioned else "no versions: it can't.")
    )
    if lock_days:
        is_locked = is_versioned and _can(
            lambda: client.put_object_lock_configuration(
                Bucket=bucket,
                ObjectLockConfiguration={
                    "ObjectLockEnabled": "Enabled",
                    "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": lock_days}},
                },
            )
        )
        said.append(
            f"Bucket {bucket} locks an object for {lock_days} days."
            if is_locked
            else f"Bucket {bucket} locks nothing: the server can't, or the bucket was made without."
        )
    return said


def _expire(client: S3Client, bucket: str, days: int) -> str:
    """Lets the server delete what is old in a bucket."""
    rule: LifecycleRuleTypeDef = {
        "ID": "expire",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"Days": days},
    }
    if _can(lambda: client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})):
        return f"Bucket {bucket} deletes an object after {days} days."
    return f"Bucket {bucket} deletes nothing by itself: the server can't."


def _can(ask: Callable[[], object]) -> bool:
    """Whether the server does it: not every S3 server has all of S3."""
    try:
        ask()
    except aws.ClientError as error:
        if error.response.get("Error", {}).get("Code") not in _NOT_THERE:
            raise
        return False
    return True


class _Admin:
    """The server's admin API: requests signed as S3's are, with the root login."""

    def __init__(self, client: S3Client, http: httpx.Client) -> None:
        credentials = client._request_signer._credentials  # type: ignore[attr-defined]  # noqa: SLF001 - boto3 has no other way
        self._http = http
        self._signer = S3SigV4Auth(credentials, "s3", client.meta.region_name or "us-east-1")

    def send(self, method: str, path: str, body: str = "") -> httpx.Response:
        """The answer, whatever its status below 500.

        Raises:
            StoreUnavailable: None came, or one that promises that a later try may go well.
        """
        url = str(self._http.base_url.join(path))
        signed = AWSRequest(method=method, url=url, data=body.encode())
        self._signer.add_auth(signed)
        try:
            answer = self._http.request(method, url, content=body.encode(), headers=dict(signed.headers.items()))
        except httpx.HTTPError as error:
            raise StoreUnavailable(f"{self._http.base_url} can't be reached ({type(error).__name__}).") from None
        if answer.status_code >= 500 and answer.status_code != httpx.codes.NOT_IMPLEMENTED:
            raise StoreUnavailable(f"{url.partition('?')[0]} answered {answer.status_code}.")
        return answer

    def must(self, method: str, path: str, body: str = "") -> None:
        """Sends a request that has to succeed.

        Raises:
            ConfigError: The server refuses it.
            StoreUnavailable: See `send`.
        """
        answer = self.send(method, path, body)
        if not answer.is_success:
            raise ConfigError(
                f"{self._http.base_url} answered {answer.status_code} to {method} {path.partition('?')[0]}.",
                hint="Is the credential the server's root login?",
            )


class _Users(Protocol):
    def put(self, login: Login) -> bool:
        """Makes or mends a login; False where the server does not have this API."""


class RustfsUsers:
    """The admin API of RustFS."""

    def __init__(self, admin: _Admin) -> None:
        self._admin = admin

    def put(self, login: Login) -> bool:
        """See `_Users`."""
        user = quote(login.access_key, safe="")
        path = "/rustfs/admin/v3"
        secret = json.dumps({"secretKey": login.secret_key, "status": "enabled"})
        answer = self._admin.send("PUT", f"{path}/add-user?accessKey={user}", secret)
        if answer.status_code in {404, 405, 501}:  # taken for an object in a bucket called rustfs
            return False
        if not answer.is_success:
            raise ConfigError(f"RustFS answered {answer.status_code} to add-user.", hint="Is this its root login?")
        policy = json.dumps({"Version": "2012-10-17", "Statement": login.statements})
        self._admin.must("PUT", f"{path}/add-canned-policy?name={user}", policy)
        attach = f"policyName={user}&userOrGroup={user}&isGroup=false"
        self._admin.must("PUT", f"{path}/set-user-or-group-policy?{attach}")
        return True


class VersityUsers:
    """The admin API of versitygw."""

    def __init__(self, admin: _Admin, client: S3Client) -> None:
        self._admin = admin
        self._client = client

    def put(self, login: Login) -> bool:
        """See `_Users`."""
        user, secret = escape(login.access_key), escape(login.secret_key)
        account = f"<Account><Access>{user}</Access><Secret>{secret}</Secret><Role>user</Role></Account>"
        answer = self._admin.send("PATCH", "/create-user", account)
        if answer.status_code == 409:
            changed = f"<MutableProps><Secret>{secret}</Secret></MutableProps>"
            self._admin.must("PATCH", f"/update-user?access={quote(login.access_key, safe='')}", changed)
        elif not answer.is_success:
            return False
        statements = [{**statement, "Principal": {"AWS": [login.access_key]}} for statement in login.statements]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self._client.put_bucket_policy(Bucket=login.bucket, Policy=policy)
        return True
