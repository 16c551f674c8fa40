"""The three sets of durations."""

from __future__ import annotations

import itertools
from dataclasses import fields

import pytest

from lab.profile import HARDWARE_FILE_MIB, PROFILES, PUBLISH, SMOKE, STANDARD, Profile, settled

ORDER = (SMOKE, STANDARD, PUBLISH)


def test_rounds_are_those_the_statistics_ask_for() -> None:
    assert [profile.rounds for profile in ORDER] == [1, 5, 10]


def test_profiles_are_found_by_name() -> None:
    assert {profile.name: profile for profile in ORDER} == PROFILES


def test_each_profile_measures_at_least_as_long_as_the_one_before() -> None:
    others = {"name", "seed", "precision"}
    numbers = [field.name for field in fields(Profile) if field.name not in others]

    for shorter, longer in itertools.pairwise(ORDER):
        assert longer.precision <= shorter.precision
        assert all(getattr(shorter, name) <= getattr(longer, name) for name in numbers)
        assert shorter.precision >= longer.precision, "what lasts longer is to be known better"


def test_the_default_is_what_a_machine_can_do_in_a_while() -> None:
    assert settled(None, is_emulated=True) == SMOKE
    assert settled(None, is_emulated=False) == STANDARD
    assert settled("publish", is_emulated=True) == PUBLISH


def test_a_file_on_a_fast_disk_is_large_enough_to_be_timed() -> None:
    hasty = settled("smoke", is_emulated=False)

    assert hasty.file_mib == HARDWARE_FILE_MIB
    assert hasty.durations != SMOKE.durations, "the two are not compared with each other"


@pytest.mark.parametrize("profile", ORDER, ids=lambda profile: profile.name)
def test_halves_of_the_file_are_whole_blocks(profile: Profile) -> None:
    assert profile.file_mib % 2 == 0


def test_deadline_leaves_room_for_the_slowest_guest() -> None:
    assert SMOKE.deadline_s(2) == 66


def test_whole_file_may_take_a_second_for_each_mebibyte() -> None:
    assert STANDARD.file_deadline_s == 512 + 60


def test_what_decides_a_value_is_for_the_record_and_nothing_else() -> None:
    assert STANDARD.durations["fio_s"] == "10"
    assert set(STANDARD.durations) == {
        *("iperf3_s", "iperf3_omit_s", "udp_probe_s", "latency_s", "loaded_latency_s"),
        *("fio_s", "fio_ramp_s", "fio_apart", "file_mib", "verified_mib"),
    }
