"""
HTTP: a file is here whole, or there is one error that says what to do.

``urllib`` is enough: there is one request at a time, no session and no login; certificates,
proxies and redirects are its own. What it lacks is here: a deadline for the whole file, the
count of bytes, going on where a broken download stopped, and no step down from https.
"""

from __future__ import annotations

import http.client
import io
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, NoReturn

from lab import files
from lab.cluster.artefacts import cache
from lab.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STALL_TIMEOUT_S = 60.0
"""How long an upstream may say nothing."""
DOWNLOAD_TIMEOUT_S = 3600.0
"""How long one file may take."""
TEXT_LIMIT_BYTES = 1 << 20
SAFE_PREFIXES = ("https://", "http://127.0.0.1:", "http://127.0.0.1/")
OFFLINE_REMEDY = (
    "run it where the internet can be reached, then `lab artefacts bundle FILE` there and"
    " `lab artefacts import FILE` here"
)


def size_of(address: str) -> int:
    """
    Ask how large a file is, in bytes.

    Raises:
        ArtefactError: if it cannot be had, or its size is not told.
    """
    with _open(address) as response:
        size = _length(response)
    if size is None:
        remedy = f"name another address than {address} in artefacts.toml"
        raise ArtefactError(f"{address} does not say how large it is", remedy=remedy)
    return size


def text(address: str) -> str:
    """
    Get a small text.

    Raises:
        ArtefactError: if it cannot be had, or is no small text.
    """
    with _open(address) as response, _breaks_explained(address):
        said = io.BytesIO()
        _receive(response, said, limit=TEXT_LIMIT_BYTES + 1)
        raw = said.getvalue()
        if (promised := _length(response)) and len(raw) < min(promised, TEXT_LIMIT_BYTES):
            raise EOFError(f"it ended after {len(raw)} of {promised} bytes")
    try:
        if len(raw) <= TEXT_LIMIT_BYTES:
            return raw.decode()
        problem = f"{address} is longer than {TEXT_LIMIT_BYTES} bytes"
    except UnicodeDecodeError:
        problem = f"{address} is not text"
    raise ArtefactError(problem, remedy="correct the address in artefacts.toml")


def download(address: str, target: Path, *, size: int, resume: bool) -> None:
    """
    Get a file of *size* bytes; a part of it is left in *target* when the connection breaks.

    Args:
        resume: Whether to go on after what is in *target*. Only where the sum of the whole is
            known: otherwise parts of two files could be taken for one.

    Raises:
        ArtefactError: if it cannot be had, or has another size.
    """
    have = _kept(target, size) if resume else 0
    if have == size:
        return
    with _open(address, start=have) as response:
        if response.status != HTTPStatus.PARTIAL_CONTENT:
            have = 0  # it sends all of it again
        if (length := _length(response)) is not None:
            _check_size(address, have + length, size)
        with _breaks_explained(address), target.open("r+b" if have else "wb") as stream:
            stream.seek(have)
            have += _receive(response, stream, limit=size + 1 - have)
    if have < size:
        _broken(address, f"it ended after {have} of {size} bytes")
    _check_size(address, have, size)


def is_safe(address: str) -> bool:
    """Whether what comes from *address* is what the other end has sent."""
    return address.startswith(SAFE_PREFIXES)


def _kept(target: Path, size: int) -> int:
    """How many bytes an earlier download has left; none where it has left too many."""
    kept = target.stat().st_size if target.exists() else 0
    return kept if kept <= size else 0


def _receive(response: http.client.HTTPResponse, stream: IO[bytes], *, limit: int) -> int:
    """Write what comes, *limit* bytes at most, and return how many came."""
    deadline = time.monotonic() + DOWNLOAD_TIMEOUT_S
    received = 0
    # read1, because read waits for the whole chunk, however slowly that comes.
    while chunk := response.read1(min(files.CHUNK_BYTES, limit - received)):
        stream.write(chunk)
        received += len(chunk)
        if time.monotonic() > deadline:
            raise TimeoutError(f"it takes longer than {DOWNLOAD_TIMEOUT_S:g} s")
    return received


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not from https to http."""

    def redirect_request(  # noqa: PLR0917 - urllib calls it so
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if is_safe(newurl):
            return super().redirect_request(req, fp, code, msg, headers, newurl)
        fp.close()
        problem = f"{req.full_url} leads to {newurl}, which anybody on the way could change"
        raise ArtefactError(problem, remedy="name an address that stays with https")


def _open(address: str, *, start: int = 0) -> http.client.HTTPResponse:
    """Ask for what is at *address*, from byte *start* on; the answer may begin earlier."""
    headers = {"User-Agent": "kata-lab"} | ({"Range": f"bytes={start}-"} if start else {})
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 - Address allows https
    opener = urllib.request.build_opener(_SafeRedirects())
    try:
        response: http.client.HTTPResponse = opener.open(request, timeout=STALL_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        status = error.code
        error.close()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        problem = f"{address} cannot be reached: {reason}"
        raise ArtefactError(problem, remedy=OFFLINE_REMEDY) from error
    else:
        return response
    if start and status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return _open(address)
    return _refused(address, status)


def _refused(address: str, status: int) -> NoReturn:
    phrase = f"{status} {http.client.responses.get(status, '')}".strip()
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        remedy = "correct its version in artefacts.toml, then run `lab artefacts lock`"
    else:
        remedy = f"run the command again when `curl --head {address}` succeeds"
    raise ArtefactError(f"{address}: the server answers {phrase}", remedy=remedy)


def _broken(address: str, how: str) -> NoReturn:
    remedy = "run the command again, which goes on where it can"
    raise ArtefactError(f"the download of {address} broke: {how}", remedy=remedy)


@contextmanager
def _breaks_explained(address: str) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and error.errno in cache.DISK_FULL:
            raise
        _broken(address, str(error) or type(error).__name__)


def _length(response: http.client.HTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _check_size(address: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise ArtefactError(
            f"{address} has another size: {wanted} bytes are locked, {found} are there",
            remedy="run `lab artefacts lock` to lock what is there now",
        )
