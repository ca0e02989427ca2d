"""s3: an object of a bucket, s3://BUCKET/KEY, with the credentials and end point that boto3 finds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from devbox.fetch.streams import store
from devbox.fetch.transfer import FetchFailed, Metadata, Progress, lacking

_CHUNK = 1 << 20


def schemes() -> Sequence[str]:
    return ("s3",)


def download(url: str, destination: Path, metadata: Metadata, progress: Progress) -> None:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise lacking("s3", url, error) from error
    parts = urlsplit(url)
    key = unquote(parts.path.lstrip("/"))
    if not parts.netloc or not key:
        raise FetchFailed(f"'{url}' names no object: write s3://BUCKET/KEY.")
    patience = metadata.settings.patience
    config = Config(connect_timeout=patience, read_timeout=patience)
    try:
        found = boto3.client("s3", config=config).get_object(Bucket=parts.netloc, Key=key)
        pieces = found["Body"].iter_chunks(_CHUNK)
        store(url, pieces, found.get("ContentLength"), destination, metadata, progress)
    except (BotoCoreError, ClientError) as error:
        raise FetchFailed(f"'{url}' could not be fetched.", details=str(error)) from error
