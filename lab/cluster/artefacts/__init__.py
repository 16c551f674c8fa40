"""
What a cluster is made of and no distribution has: named, locked, fetched, carried elsewhere.

The data are in the room above: ``artefacts.toml`` says what is wanted and from where,
``artefacts.lock.toml`` what that came to, to the byte. The rest of the lab asks
:func:`lab.cluster.artefacts.loaded.load_artefacts` for files and knows no address.
"""
