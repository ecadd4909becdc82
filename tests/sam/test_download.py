from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from samdomains.errors import CheckpointError
from samdomains.sam import download as module
from samdomains.sam.download import (
    OFFICIAL,
    RemoteFile,
    cache_directory,
    download,
    fetch_checkpoint,
)

CONTENT = bytes(i * i % 251 for i in range(3_000_000))


@dataclass
class Server:
    """A local server of one file, with the faults that real ones have.

    Attributes:
        cut_after: Bytes after which the connection breaks, or None.
        ranges: Whether it honours the Range header.
        status: Answer with this error instead of the file, or None.
        asked: The Range header of each request.
    """

    url: str = ""
    cut_after: int | None = None
    ranges: bool = True
    status: int | None = None
    asked: list[str | None] = field(default_factory=list)

    @property
    def file(self) -> RemoteFile:
        return RemoteFile(self.url, hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append(wanted)
            start = int(wanted[len("bytes=") : -1]) if wanted and state.ranges else 0
            if state.status is not None:
                self.send_error(state.status)
            elif start >= len(CONTENT):
                self.send_error(416)
            else:
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(CONTENT) - start))
                self.end_headers()
                stop = None if state.cut_after is None else start + state.cut_after
                self.wfile.write(CONTENT[start:stop])

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        state.url = f"http://127.0.0.1:{http.server_port}/models/sam.pth"
        yield state
        http.shutdown()
        thread.join()


def test_a_whole_download_leaves_the_file_and_nothing_else(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "new" / "sam.pth"
    download(server.file, target)
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


def test_a_cut_download_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    target, server.cut_after = tmp_path / "sam.pth", 1_500_000
    with pytest.raises(CheckpointError, match="goes on where it stopped"):
        download(server.file, target)
    assert not target.exists()
    have = (tmp_path / "sam.pth.part").stat().st_size
    assert 0 < have <= 1_500_000
    server.cut_after = None
    download(server.file, target)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={have}-"]


def test_a_server_that_ignores_ranges_is_read_from_the_start(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "sam.pth.part").write_bytes(CONTENT[:1000])
    server.ranges = False
    download(server.file, tmp_path / "sam.pth")
    assert (tmp_path / "sam.pth").read_bytes() == CONTENT


def test_a_partial_file_that_is_whole_already_is_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / "sam.pth.part").write_bytes(CONTENT)
    download(server.file, tmp_path / "sam.pth")
    assert (tmp_path / "sam.pth").read_bytes() == CONTENT


def test_a_wrong_hash_leaves_no_file_and_names_both(server: Server, tmp_path: Path) -> None:
    (tmp_path / "sam.pth.part").write_bytes(b"x" * 1000)
    got = hashlib.sha256(b"x" * 1000 + CONTENT[1000:]).hexdigest()
    with pytest.raises(CheckpointError, match=f"{got}, published is {server.file.sha256}"):
        download(server.file, tmp_path / "sam.pth")
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_server_is_told_and_keeps_what_has_arrived(
    server: Server, tmp_path: Path
) -> None:
    part = tmp_path / "sam.pth.part"
    part.write_bytes(CONTENT[:1000])
    server.status = 503
    with pytest.raises(CheckpointError, match="the server answered 503"):
        download(server.file, tmp_path / "sam.pth")
    assert part.read_bytes() == CONTENT[:1000]


def test_offline_says_what_to_download_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMDOMAINS_CACHE", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    unreachable = RemoteFile("http://127.0.0.1:9/sam.pth", "0" * 64)
    monkeypatch.setattr(module, "OFFICIAL", {"vit_b": unreachable})
    message = r"cannot download http://127\.0\.0\.1:9/sam\.pth \(no connection.*--checkpoint FILE"
    with pytest.raises(CheckpointError, match=message):
        fetch_checkpoint("vit_b")


def test_a_checkpoint_is_downloaded_once(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMDOMAINS_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "OFFICIAL", {"vit_b": server.file})
    first = fetch_checkpoint("vit_b")
    assert first == fetch_checkpoint("vit_b") == tmp_path / "checkpoints" / "sam.pth"
    assert len(server.asked) == 1


def test_without_the_variable_the_users_own_cache_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAMDOMAINS_CACHE", raising=False)
    assert cache_directory().name == "samdomains"


def test_each_official_checkpoint_has_a_secure_address_and_a_hash_of_its_own() -> None:
    assert set(OFFICIAL) == {"vit_b", "vit_l", "vit_h"}
    for name, remote in OFFICIAL.items():
        assert remote.url.startswith("https://")
        assert remote.file_name.startswith(f"sam_{name}_")
        assert len(bytes.fromhex(remote.sha256)) == 32
    assert len({remote.sha256 for remote in OFFICIAL.values()}) == 3
