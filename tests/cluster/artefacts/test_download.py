"""HTTP: a file is there whole, or one error says what to do."""

from __future__ import annotations

import errno
import os
import socket
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING, NoReturn

import pytest

from lab import files
from lab.cluster.artefacts import download as module
from lab.cluster.artefacts.download import download, is_safe, size_of, text
from lab.errors import ArtefactError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.artefacts.upstream import Upstream

DATA = bytes(range(256)) * 40


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "part"


def closed_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


@pytest.mark.parametrize("resume", [True, False])
def test_a_file_is_there_whole(upstream: Upstream, target: Path, *, resume: bool) -> None:
    download(upstream.put("/f", DATA), target, size=len(DATA), resume=resume)

    assert target.read_bytes() == DATA
    assert upstream.asked == [("/f", None)]


def test_a_file_of_many_chunks_is_there_whole(
    upstream: Upstream, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", 1000)

    download(upstream.put("/f", DATA), target, size=len(DATA), resume=False)

    assert target.read_bytes() == DATA


def test_a_broken_download_goes_on_where_it_stopped(upstream: Upstream, target: Path) -> None:
    address = upstream.put("/f", DATA)
    upstream.truncated["/f"] = 1000
    with pytest.raises(ArtefactError, match=f"it ended after 1000 of {len(DATA)} bytes") as caught:
        download(address, target, size=len(DATA), resume=True)
    assert "run the command again" in caught.value.remedy
    upstream.truncated.clear()

    download(address, target, size=len(DATA), resume=True)

    assert target.read_bytes() == DATA
    assert upstream.asked == [("/f", None), ("/f", "bytes=1000-")]


def test_a_server_that_knows_no_ranges_sends_all_again(upstream: Upstream, target: Path) -> None:
    target.write_bytes(b"x" * 1000)
    upstream.knows_ranges = False

    download(upstream.put("/f", DATA), target, size=len(DATA), resume=True)

    assert target.read_bytes() == DATA


def test_what_is_whole_is_not_asked_for(upstream: Upstream, target: Path) -> None:
    target.write_bytes(DATA)

    download(upstream.put("/f", DATA), target, size=len(DATA), resume=True)

    assert upstream.asked == []


@pytest.mark.parametrize("left", [b"", b"x" * (len(DATA) + 1)], ids=["empty", "too long"])
def test_what_is_no_part_is_replaced(upstream: Upstream, target: Path, left: bytes) -> None:
    target.write_bytes(left)

    download(upstream.put("/f", DATA), target, size=len(DATA), resume=True)

    assert target.read_bytes() == DATA


def test_without_a_sum_nothing_is_resumed(upstream: Upstream, target: Path) -> None:
    """Two parts of two different files would look like one file."""
    target.write_bytes(b"x" * 1000)

    download(upstream.put("/f", DATA), target, size=len(DATA), resume=False)

    assert target.read_bytes() == DATA
    assert upstream.asked == [("/f", None)]


@pytest.mark.parametrize("kept", [0, 5000], ids=["fresh", "resumed"])
@pytest.mark.parametrize("change", [-7000, -1, 1], ids=["much shorter", "shorter", "longer"])
@pytest.mark.parametrize("tells_length", [True, False])
def test_another_size_is_refused(
    upstream: Upstream, target: Path, *, kept: int, change: int, tells_length: bool
) -> None:
    target.write_bytes(DATA[:kept])
    there = (DATA * 2)[: len(DATA) + change]
    address = upstream.put("/f", there)
    if not tells_length:
        upstream.lengthless.add("/f")

    with pytest.raises(ArtefactError) as caught:
        download(address, target, size=len(DATA), resume=True)

    if tells_length:
        assert f"{len(DATA)} bytes are locked, {len(there)} are there" in caught.value.problem
        assert "lab artefacts lock" in caught.value.remedy


@pytest.mark.parametrize(
    ("status", "said", "remedy"),
    [
        (404, "404 Not Found", "correct its version"),
        (410, "410 Gone", "correct its version"),
        (403, "403 Forbidden", "curl --head"),
        (503, "503 Service Unavailable", "curl --head"),
        (599, "599", "curl --head"),
    ],
)
def test_a_refusal_is_quoted(
    upstream: Upstream, target: Path, status: int, said: str, remedy: str
) -> None:
    upstream.statuses["/f"] = status

    with pytest.raises(ArtefactError, match=f"/f: the server answers {said}") as caught:
        download(f"{upstream.url}/f", target, size=1, resume=True)

    assert remedy in caught.value.remedy
    assert not target.exists()


def test_where_nobody_listens_a_bundle_helps(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")

    with pytest.raises(ArtefactError, match=r"cannot be reached: .*refused") as caught:
        download(f"http://127.0.0.1:{closed_port()}/f", target, size=1, resume=True)

    assert "lab artefacts bundle" in caught.value.remedy


def test_a_server_that_trickles_is_left(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However little comes at a time: a whole chunk of it is not waited for."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(module, "DOWNLOAD_TIMEOUT_S", 0.1)
    ends = threading.Event()

    def trickle(server: socket.socket) -> None:
        client, _ = server.accept()
        with client, suppress(OSError):
            client.recv(1000)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not ends.wait(0.02):
                client.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        slow = threading.Thread(target=trickle, args=[server])
        slow.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/f"
        try:
            with pytest.raises(ArtefactError, match=r"it takes longer than 0\.1 s"):
                download(address, target, size=1000, resume=True)
        finally:
            ends.set()
            slow.join()


def test_a_server_that_never_answers_is_left(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(module, "STALL_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/f"

        with pytest.raises(ArtefactError, match="cannot be reached: timed out"):
            download(address, target, size=1, resume=True)


def test_a_full_disk_stays_what_it_is(
    upstream: Upstream, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache explains it: it knows which disk it is."""

    def receive(_response: object, _stream: IO[bytes], *, limit: int) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(limit))

    monkeypatch.setattr(module, "_receive", receive)

    with pytest.raises(OSError, match="No space left"):
        download(upstream.put("/f", DATA), target, size=len(DATA), resume=True)


def test_a_redirect_is_followed(upstream: Upstream, target: Path) -> None:
    upstream.redirects["/old"] = upstream.put("/f", DATA)

    download(f"{upstream.url}/old", target, size=len(DATA), resume=True)

    assert target.read_bytes() == DATA


def test_no_redirect_leaves_https(upstream: Upstream, target: Path) -> None:
    upstream.redirects["/f"] = "http://example.org/f"

    with pytest.raises(ArtefactError, match=r"leads to http://example\.org/f") as caught:
        download(f"{upstream.url}/f", target, size=1, resume=True)

    assert "https" in caught.value.remedy


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://dl.k8s.io/kubeadm", True),
        ("http://127.0.0.1:8000/kubeadm", True),
        ("http://127.0.0.1.example.org/kubeadm", False),
        ("http://dl.k8s.io/kubeadm", False),
        ("file:///etc/passwd", False),
    ],
)
def test_only_https_is_safe(address: str, *, safe: bool) -> None:
    assert is_safe(address) is safe


def test_a_size_is_asked_for(upstream: Upstream) -> None:
    assert size_of(upstream.put("/f", DATA)) == len(DATA)


def test_a_size_that_is_not_told_is_an_error(upstream: Upstream) -> None:
    address = upstream.put("/f", DATA)
    upstream.lengthless.add("/f")

    with pytest.raises(ArtefactError, match="does not say how large it is"):
        size_of(address)


def test_a_text_is_read(upstream: Upstream) -> None:
    assert text(upstream.put("/f", "häuser".encode())) == "häuser"


@pytest.mark.parametrize(
    ("data", "said"), [(b"\xff", "is not text"), (b"x" * 101, "is longer than 100 bytes")]
)
def test_what_is_no_small_text_is_refused(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, data: bytes, said: str
) -> None:
    monkeypatch.setattr(module, "TEXT_LIMIT_BYTES", 100)

    with pytest.raises(ArtefactError, match=said):
        text(upstream.put("/f", data))


def test_a_text_that_breaks_off_is_refused(upstream: Upstream) -> None:
    address = upstream.put("/f", b"0" * 64)
    upstream.truncated["/f"] = 10

    with pytest.raises(ArtefactError, match="broke"):
        text(address)
