"""What else libvirt has on this machine: networks and pools. The lab makes none."""

from __future__ import annotations

import libvirt

from lab.errors import ProvisionError
from lab.virt.connection import connected


def listed(uri: str) -> dict[str, str]:
    """
    The networks and storage pools at *uri*, by sort and name, each with whether it is active.

    Raises:
        LabError: if libvirt cannot tell.
    """

    def look() -> dict[str, str]:
        every = {
            "libvirt network": connection.raw.listAllNetworks,
            "libvirt pool": connection.raw.listAllStoragePools,
        }
        return {
            f"{sort} {each.name()}": "active" if each.isActive() else "inactive"
            for sort, list_all in every.items()
            for each in list_all()
        }

    with connected(uri) as connection:
        try:
            return connection.call("listing networks and pools", look)
        except libvirt.libvirtError as error:
            raise ProvisionError(
                f"libvirt cannot list networks and pools: {error.get_error_message()}",
                remedy="see that libvirt is up (`lab doctor`), then try again",
            ) from error
