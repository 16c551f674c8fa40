"""Sums as upstreams publish them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.cluster.artefacts import published
from lab.errors import ArtefactError

if TYPE_CHECKING:
    from tests.cluster.artefacts.upstream import Upstream

A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    "answer",
    [
        A,
        f"{A}\n",
        A.upper(),
        f"{A}  runc.amd64\n",
        f"{A} *runc.amd64\n",
        f"{B}  runc.arm64\n{A}  runc.amd64\n",
        f"{B}  other-runc.amd64\n\n{A}  ./bin/runc.amd64\n",
        f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{A}  runc.amd64\n",
    ],
)
def test_the_sum_of_the_file_is_found(answer: str) -> None:
    assert published.parse(answer, file="runc.amd64") == A


@pytest.mark.parametrize(
    "answer",
    ["", "<html>", A[1:], f"{A}0", f"{A}  runc.arm64\n", f"{A}  runc.amd64.asc\n", f"{A}\n{B}\n"],
)
def test_the_sum_of_another_is_not(answer: str) -> None:
    assert published.parse(answer, file="runc.amd64") is None


def test_a_sum_is_asked_for(upstream: Upstream) -> None:
    assert published.sha256(upstream.put("/f.sha256", A.encode()), file="f") == A


def test_where_no_sum_is_there_is_an_error(upstream: Upstream) -> None:
    address = upstream.put("/f.sha256", b"<html>")

    with pytest.raises(ArtefactError, match=r"holds no SHA-256 of f") as caught:
        published.sha256(address, file="f")

    assert "`sum` in artefacts.toml" in caught.value.remedy
