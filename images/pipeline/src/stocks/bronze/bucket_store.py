"""A store in a bucket of any S3 server. Imports boto3, which is slow: import this module only when needed."""

from __future__ import annotations

import base64
import hashlib
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
import botocore.exceptions as aws
from botocore.config import Config

from stocks.bronze.object_store import DisposableStore, is_listed
from stocks.errors import ConfigError, DataError, StocksError, StoreUnavailable
from stocks.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PASSING = (
    aws.ConnectionError,
    aws.HTTPClientError,
    aws.IncompleteReadError,
    aws.CredentialRetrievalError,
    aws.MetadataRetrievalError,
)
_PASSING_CODES = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestTimeout", "RequestLimitExceeded"})
_CREDENTIALS = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to one that may list, read and write there."
_SETTINGS = "Check STOCKS_STORE_URL (of backups STOCKS_BACKUP_URL) and the AWS_ settings."
_HINTS = {
    "NoSuchBucket": "Make the bucket, or set STOCKS_STORE_URL (of backups STOCKS_BACKUP_URL) to one that exists.",
    "RequestTimeTooSkewed": "The clocks of this machine and of the server differ: set them.",
    "PermanentRedirect": "Set AWS_REGION to the bucket's region.",
    "AuthorizationHeaderMalformed": "Set AWS_REGION to the bucket's region.",
}
_CONFLICTS = 5  # tries where another process writes the same key at the same moment


class BucketStore(DisposableStore):
    """A bucket, or a part of one below a prefix.

    Args:
        bucket: Its name.
        prefix: What stands before every key, without a slash at the end; may be empty.
        client: boto3's S3 client; safe to share between threads.
        sleep: Waits some seconds.
    """

    def __init__(
        self, bucket: str, prefix: str, client: S3Client, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._bucket = bucket
        self._above = f"{prefix}/" if prefix else ""
        self._client = client
        self._sleep = sleep
        self.url = f"s3://{bucket}/{prefix}".rstrip("/")

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """See `ObjectStore`. Where the network fails, boto3 tries again: it may meet its own first try."""
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        for _ in range(_CONFLICTS):
            with bucket_faults(self.url):
                try:
                    self._client.put_object(
                        Bucket=self._bucket,
                        Key=self._above + key,
                        Body=data,
                        ContentType="application/gzip",
                        ChecksumSHA256=checksum,
                        IfNoneMatch="*",
                    )
                except aws.ClientError as error:
                    if _status(error) == 412:
                        return False
                    if _status(error) != 409:
                        raise
                else:
                    return True
            # 409: another write of this key is under way, and S3 asks for another try.
            self._sleep(random.uniform(0.05, 0.25))  # noqa: S311 - no secret: it only sets the two apart
        raise StoreUnavailable(f"{self.url}: {key} is being written by others all the time.")

    def versions(self, key: str, most: int | None = None) -> Iterator[bytes]:
        """See `ObjectStore`."""
        with bucket_faults(self.url):
            pages = self._client.get_paginator("list_object_versions")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._above + key):
                for each in page.get("Versions", []):
                    if each["Key"] == self._above + key and not each["IsLatest"]:
                        found = self._client.get_object(
                            Bucket=self._bucket, Key=each["Key"], VersionId=each["VersionId"]
                        )
                        yield found["Body"].read(most)

    def guard(self, key: str, data: bytes) -> str:
        """See `ObjectStore`."""
        with bucket_faults(self.url):
            try:
                answer = self._client.put_object(Bucket=self._bucket, Key=self._above + key, Body=data)
            except aws.ClientError as error:
                if _status(error) != 403:
                    raise
                return "nothing can be written over"
        is_kept = answer.get("VersionId", "null") != "null"
        return "keeps versions of what is written over" if is_kept else "a foreign client could write over objects"

    def get(self, key: str, most: int | None = None) -> bytes:
        """See `ObjectStore`."""
        with bucket_faults(self.url):
            try:
                return self._client.get_object(Bucket=self._bucket, Key=self._above + key)["Body"].read(most)
            except self._client.exceptions.NoSuchKey:
                raise DataError(f"{self.url} holds no object {key}.") from None

    def delete(self, key: str) -> None:
        """See `DisposableStore`."""
        with bucket_faults(self.url):
            self._client.delete_object(Bucket=self._bucket, Key=self._above + key)

    def keys(self, prefix: str) -> list[str]:
        """See `ObjectStore`."""
        found = []
        with bucket_faults(self.url):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._above + prefix):
                found += [entry["Key"].removeprefix(self._above) for entry in page.get("Contents", [])]
        return sorted(key for key in found if is_listed(key))


@contextmanager
def bucket_faults(url: str) -> Iterator[None]:
    """Translates boto3's errors.

    Their own text may hold an address with a password or what the server echoes: it goes no further.

    Args:
        url: What is at the other end, for the message.
    """
    try:
        yield
    except aws.ClientError as error:
        raise _refusal(url, error) from None
    except aws.SSLError:
        raise ConfigError(f"{url}: the server's certificate can't be verified.", hint="See AWS_CA_BUNDLE.") from None
    except _PASSING as error:
        raise StoreUnavailable(
            f"{url} can't be reached ({type(error).__name__}).",
            hint="Is AWS_ENDPOINT_URL_S3 right, and the server up?",
        ) from None
    except (aws.NoCredentialsError, aws.PartialCredentialsError):
        raise ConfigError(f"There is no complete credential for {url}.", hint=_CREDENTIALS) from None
    except (aws.BotoCoreError, ValueError) as error:
        raise ConfigError(
            f"{url} can't be used ({type(error).__name__}).",
            hint=_SETTINGS,
        ) from None


def _refusal(url: str, error: aws.ClientError) -> StocksError:
    code, status = error.response.get("Error", {}).get("Code", ""), _status(error)
    message = f"{url} answered {status} {code}."
    if status >= 500 or status in {408, 409, 429} or code in _PASSING_CODES:
        return StoreUnavailable(message)
    hint = _CREDENTIALS if status in {401, 403} else _SETTINGS
    return ConfigError(message, hint=_HINTS.get(code, hint))


def _status(error: aws.ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def s3_client(settings: Settings, *, attempts: int = 4) -> S3Client:
    """A client for any S3 server. What the settings leave open, boto3 looks for in its own places.

    Args:
        settings: The AWS_ ones are read.
        attempts: Tries a request, with growing pauses between them.

    Raises:
        ConfigError: boto3 can't make sense of the settings.
    """
    key, secret = settings.aws_access_key_id, settings.aws_secret_access_key
    try:
        return boto3.client(
            "s3",
            endpoint_url=settings.aws_endpoint_url_s3,
            region_name=settings.aws_region,
            aws_access_key_id=key.get_secret_value() if key else None,
            aws_secret_access_key=secret.get_secret_value() if secret else None,
            config=Config(
                connect_timeout=5,
                read_timeout=30,
                retries={"mode": "standard", "total_max_attempts": attempts},
                # What servers that aren't AWS understand.
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
    except (aws.BotoCoreError, ValueError) as error:
        raise ConfigError(
            f"The S3 client can't be made ({type(error).__name__}).",
            hint="Check AWS_ENDPOINT_URL_S3 (http://host:port), AWS_REGION and the credential.",
        ) from None
