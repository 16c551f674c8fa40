"""How long and how often things are measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

GRACE_S = 60.0
"""What a command may take besides what it was asked to: the slowest guest is an emulated one."""
SLOWEST_MIB_PER_S = 1.0
"""A storage that is slower than this with whole files is given up on."""
HARDWARE_FILE_MIB = 256
"""At least, where nothing is emulated: fio counts in ms, and a small file is read within two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """
    One set of durations, the same for each cell of a run.

    The tools read whole seconds, except fio.
    """

    name: str
    rounds: int
    """At least."""
    max_rounds: int
    """While the results are not precise enough."""
    precision: float
    """Relative half-width of the interval of a ratio that is precise enough."""
    iperf3_s: int
    """Of each TCP and UDP test, after *iperf3_omit_s*."""
    iperf3_omit_s: int
    udp_probe_s: int
    """Of the test that finds how much UDP passes at most."""
    latency_s: int
    """Of the round-trip test on an idle link; the first 0.4 s of it are left out."""
    loaded_latency_s: int
    """Of the one beside a bulk stream: slower, so that it takes longer to see 100 of them."""
    fio_s: float
    """Of each job on small blocks, after *fio_ramp_s*."""
    fio_ramp_s: float
    fio_apart: bool
    """Whether each job has an invocation of its own, so that what it costs the node is known."""
    file_mib: int
    """Of the file that is written first, and then read and changed by halves; at least 256 where
    nothing is emulated."""
    verified_mib: int
    """Of the file whose contents are checked."""
    asks_each_cell: bool
    """Or only one of each storage, where the answer does not depend on the network."""
    seed: int = 1
    """Of the random offsets; the run puts its own here."""

    @property
    def durations(self) -> dict[str, str]:
        """What of it decides a measured value, for the record."""
        return {
            name: f"{value:g}"
            for name, value in asdict(self).items()
            if name.endswith(("_s", "_mib", "_apart"))
        }

    def deadline_s(self, measured_s: float) -> float:
        """When to give up on a command that measures for *measured_s*."""
        return 3 * measured_s + GRACE_S

    @property
    def measured_s(self) -> float:
        """What the timed measurements of a boot take, together."""
        tcp_s = 3 * (self.iperf3_s + self.iperf3_omit_s)
        udp_s = self.udp_probe_s + self.iperf3_s
        fio_s = 3 * (self.fio_s + self.fio_ramp_s)
        return tcp_s + udp_s + self.latency_s + self.loaded_latency_s + fio_s

    @property
    def file_deadline_s(self) -> float:
        """When to give up on a command that writes or reads a whole file."""
        return max(self.file_mib, self.verified_mib) / SLOWEST_MIB_PER_S + GRACE_S


SMOKE = Profile(
    name="smoke",
    rounds=1,
    max_rounds=1,
    precision=0.05,
    iperf3_s=1,
    # One second is no steady state, and none is claimed of a single round.
    iperf3_omit_s=0,
    udp_probe_s=1,
    latency_s=1,
    loaded_latency_s=1,
    fio_s=0.5,
    fio_ramp_s=0.0,
    fio_apart=False,
    # 9p moves 8 KiB at a time: larger files would take minutes under emulation. A smaller one is
    # read by a control in less time than can be measured.
    file_mib=16,
    verified_mib=1,
    asks_each_cell=False,
)
STANDARD = Profile(
    name="standard",
    rounds=5,
    max_rounds=5,
    precision=0.05,
    iperf3_s=10,
    iperf3_omit_s=2,
    udp_probe_s=5,
    latency_s=5,
    loaded_latency_s=5,
    fio_s=10.0,
    fio_ramp_s=2.0,
    fio_apart=True,
    file_mib=512,
    verified_mib=64,
    asks_each_cell=True,
)
PUBLISH = Profile(
    name="publish",
    rounds=10,
    max_rounds=20,
    precision=0.03,
    iperf3_s=15,
    iperf3_omit_s=3,
    udp_probe_s=5,
    latency_s=10,
    loaded_latency_s=10,
    fio_s=20.0,
    fio_ramp_s=5.0,
    fio_apart=True,
    file_mib=2048,
    verified_mib=256,
    asks_each_cell=True,
)
PROFILES = {profile.name: profile for profile in (SMOKE, STANDARD, PUBLISH)}


def settled(name: str | None, *, is_emulated: bool) -> Profile:
    """
    What *name* means on this machine, or, without a name, what is the default on such a machine.

    Raises:
        KeyError: if there is no such profile.
    """
    profile = PROFILES[name or ("smoke" if is_emulated else "standard")]
    if is_emulated:
        return profile
    return replace(profile, file_mib=max(profile.file_mib, HARDWARE_FILE_MIB))
