"""
What must not be kept: private keys, tokens and passwords, wherever somebody has printed them.

A run is handed on, put beside an issue, and opened by others. What gives access to something is not
written down in it, even if that something is gone by then.
"""

from __future__ import annotations

import re
from typing import Any

GONE = "(redacted)"
SECRETS = {
    "private key": re.compile(
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?P<secret>"
        r".{1,8192}?(?=-----END)"  # whatever a log has put between its lines
        r"|(?:[A-Za-z0-9+/=\s]|\\[nr])+)",  # cut off
        re.DOTALL,
    ),
    "key in base64": re.compile(
        r"(?:client-key-data|certificate-authority-key-data|token-secret)\W{1,6}"
        r"(?P<secret>[A-Za-z0-9+/=]{16,})"
    ),
    "token of kubeadm": re.compile(
        r"(?:token|Token)\W{1,6}(?P<secret>[a-z0-9]{6}\.[a-z0-9]{16})(?![a-z0-9])"
    ),
    "certificate key": re.compile(r"certificate-?[kK]ey\W{1,6}(?P<secret>[0-9a-f]{64})"),
    "token of a service account": re.compile(
        r"(?P<secret>eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})"
    ),
    "password in a URL": re.compile(r"\b[a-z][a-z0-9+.-]+://[^\s/:@]*:(?P<secret>[^\s/@]+)@"),
}
"""What gives access, by name; *secret* is what must go. Keys of ssh and TLS are of one kind."""
CUES = {
    "private key": ("PRIVATE KEY-----",),
    "key in base64": ("-key-data", "token-secret"),
    "token of kubeadm": ("oken",),
    "certificate key": ("ertificate",),
    "token of a service account": ("eyJ",),
    "password in a URL": ("://",),
}
"""What stands in every text that one of SECRETS finds something in: nearly all have none of it."""
_ANY_CUE = re.compile("|".join(re.escape(cue) for cues in CUES.values() for cue in cues))


def redacted(text: str) -> str:
    """*text* without what must not be kept; what was there is said."""
    if not is_suspect(text):
        return text
    for pattern in SECRETS.values():
        text = pattern.sub(_without_secret, text)
    return text


def redacted_all(document: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """The same of each text in a *document*."""
    match document:
        case str():
            return redacted(document)
        case dict():
            return {name: redacted_all(value) for name, value in document.items()}
        case list() | tuple() if document and all(isinstance(line, str) for line in document):
            return redacted("\n".join(document)).split("\n")  # lines: a key has several
        case list() | tuple():
            return [redacted_all(value) for value in document]
        case _:
            return document


def is_suspect(text: str) -> bool:
    """Whether it is worth looking for secrets in *text*, or in what is JSON of it: quickly told."""
    return _ANY_CUE.search(text) is not None


def secrets_in(text: str) -> list[str]:
    """What of *text* must not be kept, by kind."""
    return [
        kind
        for kind, pattern in SECRETS.items()
        if any(GONE not in match["secret"] for match in pattern.finditer(text))
    ]


def _without_secret(match: re.Match[str]) -> str:
    start, end = match.span("secret")
    whole, begin = match[0], match.start()
    return whole[: start - begin] + GONE + whole[end - begin :]
