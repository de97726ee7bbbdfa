"""Checksums of files: what was read, and what was written."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def sha256_of_file(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal digits; empty where there is no such file."""
    if not os.path.isfile(path):  # false as well where the name is none that a disk takes
        return ""
    with path.open("rb") as stream:
        if hasattr(hashlib, "file_digest"):
            return hashlib.file_digest(stream, "sha256").hexdigest()
        digest = hashlib.sha256()
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
        return digest.hexdigest()


def sha256_of_files(files: Sequence[Path]) -> str:
    """Return the checksum of a file; of several, that of their checksums in their order; empty where none exists."""
    each = [sha256_of_file(path) for path in files]
    if len(each) == 1 or not any(each):
        return each[0] if each else ""
    return hashlib.sha256(b"".join(bytes.fromhex(one) for one in each)).hexdigest()


def checksum_of_content(document: Mapping[str, Any]) -> str:
    """Return the checksum of JSON content but its own key ``checksum``, however it is laid out in a file."""
    content = {key: value for key, value in document.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
