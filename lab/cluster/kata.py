"""The releases of Kata that the lab knows, and where each lies on a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.errors import UsageError
from lab.matrix import Runtime, Vmm

if TYPE_CHECKING:
    from collections.abc import Mapping

UPSTREAM_PREFIX = "/opt/kata"
"""Where the files of every release expect to be, and what their configuration names."""
SHIM = "containerd-shim-kata-v2"
DEFAULTS = "share/defaults/kata-containers"
SHIMS: Mapping[Runtime, str] = {
    Runtime.KATA_GO: f"bin/{SHIM}",
    Runtime.KATA_RS: f"runtime-rs/bin/{SHIM}",
}
CONFIGURATIONS: Mapping[tuple[Runtime, Vmm], str] = {
    (Runtime.KATA_GO, Vmm.QEMU): f"{DEFAULTS}/configuration-qemu.toml",
    (Runtime.KATA_RS, Vmm.QEMU): f"{DEFAULTS}/runtime-rs/configuration-qemu-runtime-rs.toml",
}
"""Source: kata-deploy's shims and the Makefiles of both runtimes, at 3.28.0 and 4.1.0."""


@dataclass(frozen=True, slots=True)
class KataRelease:
    """
    One of Kata's runtimes in one version.

    Releases stand side by side, each with the guest, QEMU and virtiofsd that it came with:
    the tarballs of different versions would overwrite each other's files at one place.
    """

    runtime: Runtime
    version: str
    vmm: Vmm = Vmm.QEMU

    def __post_init__(self) -> None:
        if (self.runtime, self.vmm) not in CONFIGURATIONS:
            raise ValueError(f"{self.runtime} with {self.vmm} is no runtime of Kata")

    @property
    def prefix(self) -> str:
        """The folder on the node that stands for /opt/kata."""
        return f"/opt/{self.runtime}-{self.version}"

    @property
    def shim(self) -> str:
        """The program that containerd starts for each sandbox."""
        return f"{self.prefix}/{SHIMS[self.runtime]}"

    @property
    def configuration(self) -> str:
        """The configuration file that came with the release, untouched."""
        return f"{self.prefix}/{CONFIGURATIONS[self.runtime, self.vmm]}"


RELEASES = (
    # The last release whose agent mounts 9p (kata-containers 2bac201364).
    KataRelease(Runtime.KATA_GO, "3.28.0"),
    KataRelease(Runtime.KATA_RS, "4.1.0"),
)
"""Another version is one line here; the first of each runtime is the one a bench has."""


def release_of(runtime: Runtime, version: str | None = None) -> KataRelease:
    """
    The release of *runtime* that is called *version*; without one, the pinned release.

    Raises:
        UsageError: if the lab knows no such release.
    """
    releases = [release for release in RELEASES if release.runtime is runtime]
    for release in releases:
        if version in {None, release.version}:
            return release
    known = ", ".join(release.version for release in releases) or "none"
    raise UsageError(
        f"there is no release {version} of {runtime} in the lab; known: {known}",
        remedy="add it to RELEASES in lab/cluster/kata.py, and its artefacts to the lock",
    )
