"""Modules in loading order, and what is inside a bzImage."""

from __future__ import annotations

import struct

import pytest

from lab.errors import ImageError
from lab.image.kernel import ZSTD_MAGIC, compressed_payload, load_order

DEPENDENCIES = """\
kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko
kernel/lib/crc16.ko:
kernel/fs/mbcache.ko:
kernel/fs/jbd2/jbd2.ko:
kernel/drivers/net/virtio_net.ko.xz: kernel/drivers/net/net_failover.ko kernel/net/failover.ko
kernel/drivers/net/net_failover.ko: kernel/net/failover.ko
kernel/net/failover.ko:
"""
BUILTIN = "kernel/fs/fuse/virtiofs.ko\nkernel/drivers/char/hw_random/virtio-rng.ko\n"


def order(*wanted: str) -> tuple[str, ...]:
    return load_order(wanted, dependencies=DEPENDENCIES, builtin=BUILTIN)


def test_what_a_module_needs_is_loaded_before_it() -> None:
    assert order("virtio_net") == (
        "kernel/net/failover.ko",
        "kernel/drivers/net/net_failover.ko",
        "kernel/drivers/net/virtio_net.ko.xz",
    )


def test_a_module_that_two_need_is_loaded_once() -> None:
    assert order("jbd2", "ext4").count("kernel/fs/jbd2/jbd2.ko") == 1


def test_what_is_built_in_is_not_loaded() -> None:
    assert order("virtiofs", "virtio_rng") == ()


def test_unknown_module_is_named() -> None:
    with pytest.raises(ImageError, match="no module virtio_nett"):
        order("virtio_nett")


def bzimage(payload: bytes, *, setup_sectors: int = 4, length: int | None = None) -> bytes:
    """Build the head of a kernel as the boot protocol describes it, with 16 bytes of code."""
    head = bytearray(((setup_sectors or 4) + 1) * 512)
    head[0x1F1] = setup_sectors
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", head, 0x248, 16, len(payload) if length is None else length)
    return bytes(head) + b"\x90" * 16 + payload + b"\xcc" * 8


@pytest.mark.parametrize("setup_sectors", [0, 4, 39])
def test_payload_is_found_where_the_header_says(setup_sectors: int) -> None:
    frame = ZSTD_MAGIC + b"frame"

    assert compressed_payload(bzimage(frame + b"size", setup_sectors=setup_sectors)) == frame


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"\x7fELF" + bytes(4096),
        bzimage(b""),
        bzimage(b"\x1f\x8b gzip, not zstd"),
        bzimage(ZSTD_MAGIC, length=1 << 20),
    ],
    ids=["empty", "no bzImage", "no payload", "another compressor", "truncated"],
)
def test_anything_else_is_refused(image: bytes) -> None:
    with pytest.raises(ImageError, match="kernel"):
        compressed_payload(image)
