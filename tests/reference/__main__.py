"""`python -m tests.reference`: writes the pages that are made from the code."""

from __future__ import annotations

from tests.reference.made import made


def main() -> None:
    """Write what differs."""
    for path, content in made().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
