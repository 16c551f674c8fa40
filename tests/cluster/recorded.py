"""
What a cluster has said: of Kubernetes 1.36.4 on one emulated node, kubectl and crictl of 1.36.

Left out of the files is what no part of the lab reads, as specifications and most metadata.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "data" / "kubernetes"
BOOTED = 1795504416
"""When the node had started."""


def text(name: str) -> str:
    return (FOLDER / name).read_text()


def data(name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(text(name))
