"""The runtimes: who starts a sandbox of a cell on a node."""
