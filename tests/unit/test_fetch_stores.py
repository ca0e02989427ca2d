"""s3, swift and ssh: the usual clients, against a server or a program that answers as the real ones do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from naughty import Site, serving

from devbox.configuration import FetchSettings
from devbox.errors import DevboxError
from devbox.fetch import FetchFailed, Metadata, s3, ssh, swift
from devbox.units import Size

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"),  # theirs
]

DATA = b"an image" * 5000
SMALL = Metadata(FetchSettings(largest=Size(1000), patience=5))
ENOUGH = Metadata(FetchSettings(patience=5))


def nothing(*_: object) -> None:
    pass


def test_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("boto3", reason="the extra 's3' is not installed")
    with serving(Site({"images/a/disk.qcow2": DATA})) as site:
        for name, value in (("ENDPOINT_URL", site.url), ("DEFAULT_REGION", "here"), ("MAX_ATTEMPTS", "1")):
            monkeypatch.setenv(f"AWS_{name}", value)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        s3.download("s3://images/a/disk.qcow2", tmp_path / "came", ENOUGH, nothing)
        assert (tmp_path / "came").read_bytes() == DATA
        with pytest.raises(FetchFailed, match="larger than 1000B"):
            s3.download("s3://images/a/disk.qcow2", tmp_path / "large", SMALL, nothing)
        with pytest.raises(FetchFailed) as raised:
            s3.download("s3://images/other", tmp_path / "none", ENOUGH, nothing)
        assert "404" in raised.value.details
    with pytest.raises(FetchFailed, match="names no object"):
        s3.download("s3://images", tmp_path / "none", ENOUGH, nothing)


def test_swift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openstack", reason="the extra 'openstack' is not installed")
    with serving(Site({"images/a/disk.qcow2": DATA})) as site:
        cloud = {"auth_type": "none", "object_store_endpoint_override": site.url}
        (tmp_path / "clouds.yaml").write_text(json.dumps({"clouds": {"here": cloud}}))
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
        swift.download("swift://here@images/a/disk.qcow2", tmp_path / "came", ENOUGH, nothing)
        assert (tmp_path / "came").read_bytes() == DATA
        with pytest.raises(DevboxError, match="could not be fetched"):
            swift.download("swift://here@images/other", tmp_path / "none", ENOUGH, nothing)
    with pytest.raises(FetchFailed, match="names no object"):
        swift.download("swift://images", tmp_path / "none", ENOUGH, nothing)


def test_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "scp"
    program.write_text(f"""#!/bin/sh
echo "$@" >{tmp_path}/words
while [ $# -gt 2 ]; do shift; done
case $1 in *gone*) echo "scp: gone: No such file" >&2; exit 1 ;; esac
head -c 40000 /dev/zero >"$2"
""")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    ssh.download("ssh://me@host:2222/images/a%20b", tmp_path / "came", ENOUGH, nothing)
    words = (tmp_path / "words").read_text()
    assert words.strip().endswith(f"-P 2222 -- me@host:/images/a b {tmp_path}/came")
    assert words.startswith("-B ")  # never asks
    assert (tmp_path / "came").stat().st_size == 40000
    with pytest.raises(FetchFailed) as raised:
        ssh.download("ssh://host/gone", tmp_path / "none", ENOUGH, nothing)
    assert "No such file" in raised.value.details
    with pytest.raises(FetchFailed, match="larger than 1000B"):
        ssh.download("ssh://host/images", tmp_path / "large", SMALL, nothing)
    for url in ("ssh://host/", "ssh:///x", "ssh://-oProxyCommand=x/y"):
        with pytest.raises(FetchFailed, match="names no"):
            ssh.download(url, tmp_path / "none", ENOUGH, nothing)
