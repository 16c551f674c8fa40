"""A reproducible end-to-end test and benchmark lab for Kata Containers."""

__version__ = "0.1.0"
