"""
Where what stands beside the code is: topologies and scenarios.

In a checkout they are beside ``lab/``; a wheel has no place there that is its own, so it has them
in ``lab/share/`` (``pyproject.toml`` puts them there).
"""

from __future__ import annotations

from pathlib import Path

LAB = Path(__file__).resolve().parent
SHARE = LAB / "share"
"""Made by the build of a wheel; a checkout has none."""
ROOT = SHARE if SHARE.is_dir() else LAB.parent
TOPOLOGIES = ROOT / "topologies"
SCENARIOS = ROOT / "scenarios"
