"""libvirt: the only rooms of the house that talk to it."""
