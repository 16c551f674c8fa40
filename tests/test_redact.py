"""What gives access to something is not kept, whoever has printed it."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.redact import CUES, GONE, is_suspect, redacted, redacted_all, secrets_in
from lab.redact import SECRETS as PATTERNS

LINES = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE\nbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQy\n"
KEY = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{LINES}-----END OPENSSH PRIVATE KEY-----\n"
TOKEN = "katlab.0123456789abcdef"  # noqa: S105 - a token that nobody has
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl"
SECRETS = {
    "a key": (KEY, "b3BlbnNz"),
    "a key in JSON": (json.dumps({"key": KEY}), "b3BlbnNz"),
    "a key of TLS": (KEY.replace("OPENSSH", "EC"), "b3BlbnNz"),
    "a key without a kind": (KEY.replace("OPENSSH ", ""), "b3BlbnNz"),
    "a key that is cut off": (KEY.partition("-----END")[0], "b3BlbnNz"),
    "a key in a journal": (
        "".join(f"[ 1.5] sh[7]: {line}\n" for line in KEY.splitlines()), "b3BlbnNz",
    ),
    "how to join": (f"kubeadm join 198.18.1.1:6443 --token {TOKEN} \\\n", "0123456789abcdef"),
    "a token in YAML": (f"bootstrapTokens:\n- token: {TOKEN}\n", "0123456789abcdef"),
    "a token in JSON": (json.dumps({"token": TOKEN}), "0123456789abcdef"),
    "a certificate key": (f"--certificate-key {'0f' * 32} \\", "0f0f"),
    "a kubeconfig": (f"    client-key-data: {'QUJD' * 20}\n", "QUJD"),
    "a secret of Kubernetes": ("  token-secret: Nmh2Y3ZiN3J5YWdxdDcwYw==\n", "Nmh2Y3Zi"),
    "a service account": (f"Authorization: Bearer {JWT}\n", JWT),
    "an address": ("deb http://me:hunter2@mirror.invalid trixie main", "hunter2"),
}  # fmt: skip


@pytest.mark.parametrize("case", SECRETS)
def test_a_secret_goes_and_it_is_said_that_it_was_there(case: str) -> None:
    text, secret = SECRETS[case]

    assert len(secrets_in(text)) == 1
    assert secret not in redacted(text)
    assert GONE in redacted(text)
    assert secrets_in(redacted(text)) == []


def test_every_kind_has_its_cues() -> None:
    assert CUES.keys() == PATTERNS.keys()
    assert all(cue.isascii() and cue for cues in CUES.values() for cue in cues)


@pytest.mark.parametrize("kind", PATTERNS)
@given(data=st.data())
@settings(max_examples=20)
def test_whatever_a_pattern_finds_has_a_cue_of_its_kind(kind: str, data: st.DataObject) -> None:
    """Else a secret would be kept because nobody looked."""
    text = data.draw(st.from_regex(PATTERNS[kind]))

    (found, *_) = PATTERNS[kind].finditer(text)
    assert any(cue in found[0] for cue in CUES[kind])
    assert is_suspect(text)
    assert is_suspect(msgspec.json.encode({"tail": text.splitlines()}).decode())


@pytest.mark.parametrize(
    "text",
    [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMRxNDxfoSqKV6Dj0iyZW3N8 kata-lab\n",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "tbf rate 25Mbit burst 64Kb (a token bucket)\n",
        "http://127.0.0.1:9099/liveness and unix:///run/containerd/containerd.sock\n",
        "[    4.731020] Kernel panic - not syncing: VFS: Unable to mount root fs\n",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text
    assert secrets_in(text) == []


def test_every_text_of_a_document_is_read_and_the_document_stays_one() -> None:
    document = {"raw": {"console": KEY, "n": 3}, "tail": ["x", *KEY.splitlines()], "none": None}

    assert redacted_all(document) == {
        "raw": {"console": redacted(KEY), "n": 3},
        "tail": ["x", *redacted(KEY).splitlines()],
        "none": None,
    }
