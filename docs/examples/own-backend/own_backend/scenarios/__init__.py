"""Scenarios of one's own: pytest tests, as those of the lab."""
