"""What a sandbox takes for work that moves names, not data."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lab.sample import Better, Metric
from lab.units import Unit

if TYPE_CHECKING:
    from lab.measure import Measure
    from lab.profile import Profile
    from lab.runtime.sandbox import Sandbox

FILES = 1000
CREATE = Metric("create_1000_files", Unit.SECOND, Better.LOWER, "Create 1000 empty files")


def test_many_files_are_created(sandbox: Sandbox, measure: Measure, profile: Profile) -> None:
    """Creates files in one folder, and counts them afterwards."""
    line = (
        f"mkdir -p /lab/own && cd /lab/own && for i in $(seq {FILES}); do : >$i; done; ls | wc -l"
    )
    with measure.watching():
        began = time.monotonic()
        done = sandbox.run(["sh", "-c", line], timeout_s=profile.file_deadline_s)
        took_s = time.monotonic() - began

    assert int(done.stdout) == FILES
    measure(CREATE, took_s)
