"""An internet on 127.0.0.1: a server of files, and a registry behind a fake skopeo."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import msgspec

from lab.cluster.artefacts import wanted
from lab.cluster.artefacts.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
PAUSE = "registry.k8s.io/pause:3.10.2"
AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.63.0"
NODE = "quay.io/calico/node:v3.33.1"
KUBEADM = f"""#!/bin/sh
test "$*" = "config images list --kubernetes-version v1.36.4" || exit 9
echo "a warning" >&2
echo {PAUSE}
""".encode()
E2E = f"""#!/bin/sh
test "$*" = --list-images || exit 9
echo {PAUSE} {AGNHOST}
""".encode()
MANIFEST = f"""\
apiVersion: apps/v1
spec:
  containers:
    - name: node
      image: "{NODE}"  # twice
    - image: {NODE}
""".encode()
KATA_MAGIC = bytes.fromhex("28b52ffd")

SKOPEO = """\
#!/bin/sh
# Answers like skopeo, out of a directory.
home=@HOME@
echo "$*" >>"$home/asked"
for last; do :; done
case "$1 $2" in
"inspect --raw") file="$home/raw/$(printf %s "${last#docker://}" | tr /: __)" ;;
"inspect --no-tags") file="$home/digest/$(printf %s "${last#docker://}" | tr /: __)" ;;
"copy --quiet") file="$home/images/${4##*@sha256:}" ;;
*) exit 9 ;;
esac
if ! [ -e "$file" ]; then
    echo "manifest unknown" >&2
    exit 1
fi
if [ "$1" = copy ]; then cp -r "$file/." "${last#dir:}"; else cat "$file"; fi
"""


@dataclass
class Upstream:
    """What the server has, how it misbehaves, and what it was asked for."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    truncated: dict[str, int] = field(default_factory=dict)
    """How many bytes are sent of what was promised, by path."""
    statuses: dict[str, int] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    lengthless: set[str] = field(default_factory=set)
    knows_ranges: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Each path, with the range that was asked for."""

    def put(self, path: str, data: bytes) -> str:
        """Offer *data*; return its address."""
        self.files[path] = data
        return self.url + path

    def wanted(self) -> Wanted:
        """Read what the lab really wants, from here instead of the internet."""
        text = wanted.WANTED_FILE.read_text().replace("https://", f"{self.url}/")
        return msgspec.toml.decode(text, type=Wanted)

    def fill(self) -> None:
        """Offer all that is wanted, with the sums that its upstream publishes."""
        want = self.wanted()
        for line in want.lines:
            source = want.source(line)
            data = self.content(line.name)
            address = source.address.removeprefix(self.url)
            self.files[address] = data
            if source.sum:
                name = address.rpartition("/")[2]
                bare = hashlib.sha256(data).hexdigest()
                listed = f"{'0' * 64}  other\n{bare} *{name}\n"
                text = listed if source.sum.endswith("sha256sum") else bare
                self.files[source.sum.removeprefix(self.url)] = text.encode()

    def path_of(self, name: str) -> str:
        """Where the artefact *name* is on this server."""
        want = self.wanted()
        line = next(line for line in want.lines if line.name == name)
        return want.source(line).address.removeprefix(self.url)

    def content(self, name: str) -> bytes:
        """What the file of the artefact *name* holds."""
        match name:
            case "kubeadm":
                return KUBEADM
            case "calico":
                return MANIFEST
            case "e2e.test":
                return tar_gz(f"kubernetes/test/bin/{name}", E2E)
            case "crictl" | "critest":
                return tar_gz(name, f"#!/bin/sh\necho {name}\n".encode())
            case "kata-go" | "kata-rs":
                return KATA_MAGIC + name.encode()
            case _:
                return name.encode() * 1000


def tar_gz(name: str, data: bytes) -> bytes:
    """A compressed tar of one program, as cri-tools are released."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), mtime=0)


class Handler(BaseHTTPRequestHandler):
    """Answers as its upstream says."""

    def __init__(self, upstream: Upstream, *connection: Any) -> None:  # noqa: ANN401
        self.upstream = upstream
        super().__init__(*connection)

    def do_GET(self) -> None:
        asked_range = self.headers.get("Range")
        self.upstream.asked.append((self.path, asked_range))
        if target := self.upstream.redirects.get(self.path):
            self.send_response(302)
            self.send_header("Location", target)
            self.end_headers()
        elif status := self.upstream.statuses.get(self.path):
            self.send_error(status)
        elif self.path not in self.upstream.files:
            self.send_error(404)
        else:
            self.answer(self.upstream.files[self.path], asked_range or "")

    def answer(self, data: bytes, asked_range: str) -> None:
        match = re.fullmatch(r"bytes=(\d+)-", asked_range)
        start = int(match[1]) if match and self.upstream.knows_ranges else 0
        if start >= len(data) > 0:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if self.path not in self.upstream.lengthless:
            self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        try:
            self.wfile.write(data[start : self.upstream.truncated.get(self.path)])
        except ConnectionError:
            return  # who only asks for the size does not read on

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(upstream: Upstream) -> Iterator[None]:
    """Let *upstream* answer on a port of its own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, upstream)) as server:
        upstream.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Registry:
    """Container images, and the skopeo that gets them."""

    home: Path

    @property
    def asked(self) -> list[str]:
        """Each command line of skopeo."""
        path = self.home / "asked"
        return path.read_text().splitlines() if path.exists() else []

    def install(self) -> Path:
        """Write the fake skopeo; return the directory for the PATH."""
        for name in ("raw", "digest", "images", "bin"):
            (self.home / name).mkdir(parents=True)
        program = self.home / "bin" / "skopeo"
        program.write_text(SKOPEO.replace("@HOME@", str(self.home)))
        program.chmod(0o755)
        return program.parent

    def put(self, reference: str, *, kind: str = DOCKER, is_listed: bool = True) -> str:
        """Offer an image, for one platform or in a list of them; return its digest."""
        config = json.dumps({"image": reference}).encode()
        layer = reference.encode() * 100
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": kind,
                "config": {"digest": digest_of(config), "size": len(config)},
                "layers": [{"digest": digest_of(layer), "size": len(layer)}] * 2,
            }
        ).encode()
        digest = digest_of(manifest)
        self.raw(reference, listed(digest) if is_listed else json.loads(manifest))
        self._path("digest", reference).write_text(digest + "\n")
        directory = self.home / "images" / digest.removeprefix("sha256:")
        directory.mkdir(exist_ok=True)
        (directory / "manifest.json").write_bytes(manifest)
        for blob in (config, layer):
            (directory / digest_of(blob).removeprefix("sha256:")).write_bytes(blob)
        return digest

    def raw(self, reference: str, document: object) -> None:
        """Let the registry answer *document* when it is asked for the image *reference*."""
        self._path("raw", reference).write_text(json.dumps(document))

    def _path(self, folder: str, reference: str) -> Path:
        return self.home / folder / re.sub("[/:]", "_", reference)


def listed(digest: str, *, architecture: str = "amd64") -> dict[str, Any]:
    """A list of platforms, as registries have it for most images."""
    platforms = [("linux", "s390x", "sha256:" + "0" * 64), ("linux", architecture, digest)]
    return {
        "manifests": [
            {"digest": one, "platform": {"os": os, "architecture": arch}}
            for os, arch, one in platforms
        ]
    }


def digest_of(data: bytes) -> str:
    """The name of a blob."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
