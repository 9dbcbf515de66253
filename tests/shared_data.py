"""Where the vectors shared between projects live; a plain clone does without them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

PROJECT_ROOT = Path(__file__).resolve().parent.parent


def shared_data(*parts: str) -> Path:
    """Path of a shared file; skips the test where the shared data are absent."""
    root = Path(os.environ.get("LAMINA_SHARED_DATA") or PROJECT_ROOT.parent / "shared" / "data")
    path = root.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no shared data at {path}; set LAMINA_SHARED_DATA to run this")
    return path


def shared_records(*parts: str) -> list[dict[str, Any]]:
    """Objects of a shared JSON Lines file."""
    with shared_data(*parts).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
