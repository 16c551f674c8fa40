"""The lab's fixtures, for scenarios/ and tests/."""

pytest_plugins = ["lab.pytest_plugin"]
