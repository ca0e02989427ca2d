"""glance: the real client, a server that answers as Glance does, with and without a shared mount."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from naughty import Site, serving

from devbox.configuration import FetchSettings, Mount
from devbox.errors import DevboxError
from devbox.fetch import FetchFailed, Metadata, glance

pytest.importorskip("openstack", reason="the extra 'openstack' is not installed")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::openstack.warnings._RemovedInSDKWarning"),  # its own affair
]

DATA = b"an image" * 5000
ID = "461bf150-4d41-47be-967f-3b4dbafd7fa5"
THEIRS = "/var/lib/glance"


@pytest.fixture
def image() -> dict[str, object]:
    place = {"url": f"file://{THEIRS}/images/{ID}", "metadata": {"id": "fs-1", "mountpoint": THEIRS}}
    digest = hashlib.sha512(DATA).hexdigest()
    return {
        "id": ID,
        "size": len(DATA),
        "os_hash_algo": "sha512",
        "os_hash_value": digest,
        "locations": [place],
    }


@pytest.fixture
def site(tmp_path: Path, image: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with serving(Site({})) as found:
        version = {"id": "v2.15", "status": "CURRENT", "links": [{"rel": "self", "href": f"{found.url}/v2/"}]}
        versions = json.dumps({"versions": [version]}).encode()
        found.files |= {"": versions, "v2/": versions, f"v2/images/{ID}": json.dumps(image).encode()}
        found.files[f"v2/images/{ID}/file"] = DATA
        cloud = {"auth_type": "none", "image_endpoint_override": found.url}
        (tmp_path / "clouds.yaml").write_text(json.dumps({"clouds": {"here": cloud}}))
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
        yield found


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """The file system that both see, as it is mounted here."""
    folder = tmp_path / "share"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / ID).write_bytes(DATA)
    return folder


def fetched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *mounts: Mount, name: str = ID
) -> tuple[bytes, str]:
    """What came, and what was logged."""
    caplog.set_level(logging.INFO, "devbox.fetch")
    metadata = Metadata(FetchSettings(mounts=mounts, patience=5))
    glance.download(f"glance://here/{name}", tmp_path / "came", metadata, lambda *_: None)
    return (tmp_path / "came").read_bytes(), caplog.text


def test_directly_where_both_see_the_file(
    site: Site, share: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    del site.files[f"v2/images/{ID}/file"]
    data, said = fetched(tmp_path, caplog, Mount("fs-1", share))
    assert data == DATA
    assert "copy_file_range" in said or "reflink" in said
    assert "through HTTP" not in said


@pytest.mark.parametrize("id_", ["fs-2", ""])
def test_by_http_where_it_does_not_fit(
    id_: str, site: Site, share: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mounts = [Mount(id_, share)] if id_ else []
    data, said = fetched(tmp_path, caplog, *mounts)
    assert data == DATA
    assert "through HTTP" in said
    assert ("'fs-1' of the location" in said) == bool(id_)


def test_by_http_where_the_mount_point_does_not_fit(
    site: Site, share: Path, image: dict[str, object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image["locations"][0]["metadata"]["mountpoint"] = "/var/lib/gla"  # type: ignore[index]
    site.files[f"v2/images/{ID}"] = json.dumps(image).encode()
    data, said = fetched(tmp_path, caplog, Mount("fs-1", share))
    assert data == DATA
    assert "is not below its mount point" in said


def test_by_http_where_files_are_not_allowed(
    site: Site, share: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "devbox.fetch")
    settings = FetchSettings(("glance",), mounts=(Mount("fs-1", share),), patience=5)
    glance.download(f"glance://here/{ID}", tmp_path / "came", Metadata(settings), lambda *_: None)
    assert "through HTTP" in caplog.text


def test_what_is_not_on_record(
    site: Site, share: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (share / "images" / ID).write_bytes(DATA + b"!")
    with pytest.raises(FetchFailed, match="is not what Glance has on record"):
        fetched(tmp_path, caplog, Mount("fs-1", share))


def test_an_image_that_is_not_there(site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(DevboxError, match="Glance says 404"):
        fetched(tmp_path, caplog, name="other")
    with pytest.raises(DevboxError, match="names no image"):
        fetched(tmp_path, caplog, name="")
