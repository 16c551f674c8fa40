"""fio: argv, and what its reports are believed to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.errors import ToolOutputError
from lab.tools import fio
from lab.tools.fio_report import parse, parse_verify, parse_write
from tests.tools.captured import captured, changed, without

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = "fio/3.39-first-write.json"
PHASE = "fio/3.39-reread-and-change.json"
WRITTEN = "fio/3.39-verified-write.json"
VERIFIED = "fio/3.39-verify.json"


def jobs_of(argv: list[str]) -> dict[str, list[str]]:
    """The options of each job, by its name."""
    starts = [place for place, word in enumerate(argv) if word.startswith("--name=")]
    ends = [*starts[1:], len(argv)]
    return {
        argv[start].removeprefix("--name="): argv[start + 1 : end]
        for start, end in zip(starts, ends, strict=True)
    }


(TOGETHER,) = fio.reread_and_change("/lab/f", size_mib=64, duration_s=1.5, ramp_s=0.5, seed=7)
ALL_ARGV = {
    "first-write": fio.first_write("/lab/f", size_mib=64),
    "reread": TOGETHER.argv,
    "verified-write": fio.verified_write("/lab/v", size_mib=8, seed=7),
    "verify": fio.verify("/lab/v", size_mib=8, seed=7),
}


@pytest.mark.parametrize("case", ALL_ARGV)
def test_every_job_goes_the_same_way(case: str) -> None:
    for options in jobs_of(ALL_ARGV[case]).values():
        assert {"--ioengine=psync", "--direct=1", "--fallocate=none"} <= set(options)


def test_first_write_lasts_until_it_is_on_the_disk() -> None:
    assert "--end_fsync=1" in jobs_of(ALL_ARGV["first-write"])[fio.FIRST_WRITE]


def test_a_job_is_held_to_its_limit_and_no_other_is() -> None:
    (jobs,) = fio.reread_and_change(
        "/lab/f", size_mib=64, duration_s=1.5, ramp_s=0.5, seed=7,
        limits_iops={fio.RANDOM_READ: 900},
    )  # fmt: skip

    held = {
        name: [o for o in options if "rate" in o] for name, options in jobs_of(jobs.argv).items()
    }
    assert held.pop(fio.RANDOM_READ) == ["--rate_iops=900"]
    assert not any(held.values())
    assert not any("rate" in option for option in ALL_ARGV["reread"])


def test_random_jobs_keep_off_the_half_that_is_read_in_order() -> None:
    jobs = jobs_of(ALL_ARGV["reread"])

    assert {"--offset=0m", "--size=32m"} <= set(jobs.pop(fio.SEQUENTIAL_READ))
    assert list(jobs) == [fio.RANDOM_READ, fio.RANDOM_WRITE, fio.FSYNC]
    for options in jobs.values():
        assert {"--offset=32m", "--size=32m", "--stonewall", "--randseed=7"} <= set(options)
        assert {"--time_based=1", "--runtime=1500ms", "--ramp_time=500ms"} <= set(options)


def test_jobs_apart_are_the_same_jobs() -> None:
    apart = fio.reread_and_change(
        "/lab/f", size_mib=64, duration_s=1.5, ramp_s=0.5, seed=7, are_apart=True
    )

    jobs = [jobs_of(each.argv) for each in apart]
    assert all(len(each) == 1 for each in jobs)
    assert {name: options for each in jobs for name, options in each.items()} == jobs_of(
        TOGETHER.argv
    )
    assert [each.timed_s for each in apart] == [0.0, 2.0, 2.0, 2.0]
    assert TOGETHER.timed_s == 6.0


def test_file_is_read_in_order_only_once() -> None:
    options = jobs_of(ALL_ARGV["reread"])[fio.SEQUENTIAL_READ]

    assert not any(
        "time" in option.partition("=")[0] for option in options if "clock" not in option
    )


def test_verification_writes_nothing() -> None:
    options = jobs_of(ALL_ARGV["verify"])[fio.VERIFY]

    assert {"--verify_only=1", "--allow_file_create=0"} <= set(options)


def test_first_write() -> None:
    write = parse(captured(FIRST)).writes[fio.FIRST_WRITE]

    assert write.moved_bytes == 64 * 1024 * 1024
    assert write.seconds == 0.055
    assert write.rate_bytes_per_s == pytest.approx(67_108_864 / 0.055)
    assert write.latency.count == 64


def test_each_job_of_a_phase_is_told_apart() -> None:
    report = parse(captured(PHASE))

    assert report.version == "fio-3.39"
    assert set(report.reads) == {fio.SEQUENTIAL_READ, fio.RANDOM_READ}
    assert set(report.writes) == {fio.RANDOM_WRITE, fio.FSYNC}
    assert set(report.syncs) == {fio.FSYNC}


def test_rates_are_in_bytes_not_kibibytes() -> None:
    read = parse(captured(PHASE)).reads[fio.SEQUENTIAL_READ]

    assert read.rate_bytes_per_s == pytest.approx(32 * 1024 * 1024 / 0.042, rel=1e-6)


def test_latencies_are_in_seconds() -> None:
    report = parse(captured(PHASE))

    read = report.reads[fio.RANDOM_READ]
    assert read.rate_iops == pytest.approx(10_107 / 1.001)
    assert read.latency.count == 10_107
    assert read.latency.mean_s == pytest.approx(98.552608e-6)
    assert read.latency.percentile_s(50) == pytest.approx(49.92e-6)
    assert read.latency.percentile_s(99) == pytest.approx(1.204224e-3)
    assert report.writes[fio.RANDOM_WRITE].latency.percentile_s(99) == pytest.approx(452.608e-6)


def test_fsyncs_are_counted_apart_from_writes() -> None:
    fsync = parse(captured(PHASE)).syncs[fio.FSYNC]

    assert fsync.count == 8725
    assert fsync.percentile_s(50) == pytest.approx(43.264e-6)


def test_messages_before_the_report_are_kept() -> None:
    text = "note: something that fio had to say\n\n" + captured(FIRST)

    assert parse(text).messages == ("note: something that fio had to say",)


def test_queue_that_was_as_deep_as_asked_is_accepted() -> None:
    text = captured("fio/3.39-depth-reached.json")

    assert parse(text).reads["depth"].latency.count == 30_382


def test_written_file_is_verified() -> None:
    parse_write(captured(WRITTEN))

    assert parse_verify(captured(VERIFIED))


@pytest.mark.parametrize("case", ["corrupt", "truncated-file", "missing"])
def test_lost_data_is_an_answer(case: str) -> None:
    assert not parse_verify(captured(f"fio/3.39-verify-{case}.json"))


def test_bytes_that_cannot_be_read_are_lost() -> None:
    assert not parse_verify(changed(VERIFIED, "jobs/0/error", 5))


READ = "jobs/0/read"
WRITE = "jobs/0/write"
BROKEN: dict[str, tuple[Callable[[str], object], str, str]] = {
    "empty": (parse, "", "printed nothing"),
    "truncated": (parse, captured(FIRST)[:3000], "not whole"),
    "cut-inside-the-messages": (parse, "note: both iodepth", "not whole"),
    "empty-object": (parse, "{}", "missing required field `fio version`"),
    "no-job": (parse, changed(FIRST, "jobs", []), "it has no job"),
    "no-bw-bytes": (parse, without(FIRST, f"{WRITE}/bw_bytes"), "`bw_bytes`"),
    "no-latencies": (parse, without(FIRST, f"{WRITE}/clat_ns"), "`clat_ns`"),
    "error-in-the-messages": (
        parse,
        "fio: pid=1, err=5/file:io_u.c:1976, error=Input/output error\n" + captured(FIRST),
        "err=5",
    ),
    "disk-full": (parse, captured("fio/3.39-disk-full.json"), "No space left on device"),
    "direct-refused": (parse, captured("fio/3.39-direct-refused.json"), "Invalid argument"),
    "file-missing": (parse, captured("fio/3.39-missing-file.json"), "moved nothing"),
    "depth-not-reached": (
        parse,
        captured("fio/3.39-depth-not-reached.json"),
        "asked for 16 operations at a time; only 0 %",
    ),
    "not-all-written": (
        parse,
        changed(FIRST, "jobs/0/job options/size", "65m"),
        "moved 67108864 bytes of 68157440",
    ),
    "size-not-understood": (parse, changed(FIRST, "jobs/0/job options/size", "64g"), "'64g'"),
    "cut-short": (
        parse,
        changed(PHASE, "jobs/1/job options/runtime", "2000ms"),
        "ran for 1001 ms of 2000 ms",
    ),
    "too-short-to-time": (parse, changed(FIRST, f"{WRITE}/runtime", 9), "over in 9 ms"),
    "no-time": (parse, changed(FIRST, f"{WRITE}/runtime", 0), "over in 0 ms"),
    "kibibytes-for-bytes": (
        parse,
        changed(FIRST, f"{WRITE}/bw_bytes", 1_191_563),
        "bw_bytes is not its bytes by its time",
    ),
    "bytes-for-kibibytes": (
        parse,
        changed(FIRST, f"{WRITE}/bw", 1_220_161_163),
        "bw is not bw_bytes in KiB/s",
    ),
    "short-operations": (parse, changed(FIRST, f"{WRITE}/short_ios", 1), "cut short or dropped"),
    "dropped-operations": (parse, changed(FIRST, f"{WRITE}/drop_ios", 1), "cut short or dropped"),
    "latency-switched-off": (parse, changed(FIRST, f"{WRITE}/clat_ns/N", 0), "gtod_reduce"),
    "no-fsync-made": (parse, changed(PHASE, "jobs/3/sync/lat_ns/N", 0), "made no fsync"),
    "write-empty": (parse_write, "", "printed nothing"),
    "write-disk-full": (parse_write, captured("fio/3.39-disk-full.json"), "No space left"),
    "write-incomplete": (
        parse_write,
        changed(WRITTEN, f"{WRITE}/io_bytes", 4096),
        "moved 4096 bytes of 8388608",
    ),
    "verify-empty": (parse_verify, "", "printed nothing"),
    "verify-incomplete": (
        parse_verify,
        changed(VERIFIED, f"{READ}/io_bytes", 4096),
        "moved 4096 bytes of 8388608",
    ),
    "verify-not-permitted": (
        parse_verify,
        changed(VERIFIED, "jobs/0/error", 1),
        "Operation not permitted",
    ),
    "verify-of-two-jobs": (parse_verify, captured(PHASE), "it has 4 jobs"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_report_is_refused_with_its_reason(case: str) -> None:
    read, text, problem = BROKEN[case]

    with pytest.raises(ToolOutputError, match=problem) as caught:
        read(text)
    assert caught.value.remedy


def test_refused_direct_io_says_what_mends_it() -> None:
    with pytest.raises(ToolOutputError) as caught:
        parse(captured("fio/3.39-direct-refused.json"))

    assert "O_DIRECT" in caught.value.remedy


def test_slow_device_is_not_accused_of_a_rounded_rate() -> None:
    """At 5 operations of 4 KiB in a second, bw is 20 KiB/s and bw_bytes 20 480 or a bit less."""
    slow = changed(FIRST, WRITE, None).replace("null", _slow_direction(), 1)
    slow = slow.replace('"size": "64m"', '"size": "64m", "time_based": "1", "runtime": "1000ms"')

    assert parse(slow).writes[fio.FIRST_WRITE].rate_iops == pytest.approx(4.99)


def _slow_direction() -> str:
    return (
        '{"io_bytes": 20480, "bw": 19, "bw_bytes": 20439, "iops": 4.99, "runtime": 1002,'
        ' "short_ios": 0, "drop_ios": 0, "clat_ns": {"N": 5, "mean": 2e8, "percentile": {}}}'
    )
