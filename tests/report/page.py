"""Asks a rendered report: a small document tree out of the standard library's parser."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = 8
"""How many pages are kept that were parsed."""
VOID = {"meta", "col", "br", "link", "img", "input", "hr", "path"}

ENDED_BY = {
    "td": {"td", "th", "tr"},
    "th": {"td", "th", "tr"},
    "tr": {"tr"},
    "li": {"li"},
    "dt": {"dt", "dd"},
    "dd": {"dt", "dd"},
    "option": {"option", "optgroup"},
}
"""By what has no end tag: the start tags that end it, besides the end of what it is in."""


@dataclass
class Node:
    tag: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        waiting = [self]  # no generator in a generator: pages are deep, and asked a lot
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(child for child in reversed(node.children) if isinstance(child, Node))

    @property
    def text(self) -> str:
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return " ".join(" ".join(parts).split())

    def all(self, tag: str = "", **wanted: str) -> list[Node]:
        """Nodes with *tag* and attributes; ``class_`` asks for one class of several."""
        found = [node for node in self.walk() if not tag or node.tag == tag]
        for key, value in wanted.items():
            found = [node for node in found if node.has(key, value)]
        return found

    def one(self, tag: str = "", **wanted: str) -> Node:
        found = self.all(tag, **wanted)
        assert len(found) == 1, f"{len(found)} of <{tag}> {wanted}"
        return found[0]

    def has(self, key: str, value: str) -> bool:
        if key == "class_":
            return value in self.attributes.get("class", "").split()
        return self.attributes.get(key.replace("_", "-")) == value


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.stack = [Node("document", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"attribute twice in <{tag}>"
        node = Node(tag, {name: value or "" for name, value in attrs})
        while tag in ENDED_BY.get(self.stack[-1].tag, ()):
            self.stack.pop()
        self.stack[-1].children.append(node)
        if tag not in VOID:
            self.stack.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.stack[-1].children.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        while self.stack[-1].tag in ENDED_BY and self.stack[-1].tag != tag:
            self.stack.pop()
        assert self.stack[-1].tag == tag, f"</{tag}> closes <{self.stack[-1].tag}>"
        self.stack.pop()

    def handle_data(self, data: str) -> None:
        self.stack[-1].children.append(data)


@lru_cache(maxsize=KEPT)
def parse(html: str) -> Node:
    """
    Parse *html*, and insist that every element is closed where it should be.

    Tests ask the same page one after the other: it is parsed once, and not to be changed.
    """
    parser = _Parser()
    parser.feed(html)
    parser.close()
    assert len(parser.stack) == 1, f"<{parser.stack[-1].tag}> is never closed"
    return parser.stack[0]
