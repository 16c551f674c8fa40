"""Programs of the locked packages, run on the host: what they make depends on the lock alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab import command

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.image.rootfs import Rootfs

LIBRARIES = "usr/lib/x86_64-linux-gnu"
LOADER = f"{LIBRARIES}/ld-linux-x86-64.so.2"
TIMEOUT_S = 300.0
LARGEST_FILE_BYTES = 16 << 30
"""What a tool writes at most into one file, however small that was packed."""
_LIMITED = ("prlimit", f"--fsize={LARGEST_FILE_BYTES}")
_IS_LIBRARY = re.compile(rf"{LIBRARIES}/(?:ceph/)?[^/]+\.so(?:\.[^/]*)?$")
_FOUND = re.compile(r"=> (?P<path>/\S+) \(0x")


@dataclass(frozen=True, slots=True)
class Tools:
    """Programs with their own dynamic loader and libraries, unpacked into a directory."""

    directory: Path

    def run(
        self, program: str, *args: str | Path, env: Mapping[str, str] | None = None
    ) -> command.Completed:
        """Run *program*, a path from the root, with the libraries it was locked with."""
        argv = [*_LIMITED, *self._loader(), self.directory / program, *args]
        return command.run(argv, timeout_s=TIMEOUT_S, env=env)

    def libraries(self, programs: Iterable[str]) -> list[str]:
        """List the libraries that *programs* load, as paths from the root, sorted."""
        paths: set[str] = set()
        for program in programs:
            argv = [*self._loader(), "--list", self.directory / program]
            listed = command.run(argv, timeout_s=TIMEOUT_S).stdout
            paths.update(match["path"] for match in _FOUND.finditer(listed))
        return sorted(str(Path(path).relative_to(self.directory)) for path in paths)

    def _loader(self) -> list[str | Path]:
        below = (self.directory / LIBRARIES).rglob("*.so*")
        directories = sorted({str(path.parent) for path in below})
        return [self.directory / LOADER, "--inhibit-cache", "--library-path", ":".join(directories)]


def unpack(root: Rootfs, programs: Iterable[str], directory: Path) -> Tools:
    """Unpack *programs* and other files, paths from the root, and every library."""
    libraries = [name for name in root.names() if _IS_LIBRARY.match(name)]
    for name in (*programs, *libraries):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(root.read(name))
        path.chmod(0o755)
    return Tools(directory.absolute())
