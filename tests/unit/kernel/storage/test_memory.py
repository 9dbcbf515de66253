"""The page cache follows the memory there is."""

import pytest

from lamina.kernel.storage.embedded import memory


@pytest.mark.parametrize(("limit_mib", "cache_mb"), [(256, 128), (1024, 128), (4096, 512), (1_000_000, 2048)])
def test_the_cache_is_an_eighth_of_the_memory_within_bounds(
    monkeypatch: pytest.MonkeyPatch, tmp_path, limit_mib: int, cache_mb: int
) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text(f"{limit_mib * 2**20}\n")
    monkeypatch.setattr(memory, "_LIMITS", (limit,))
    monkeypatch.setattr(memory.os, "sysconf", lambda name: 4096 if name == "SC_PAGE_SIZE" else 2**40 // 4096)
    assert memory.default_shared_buffers_mb() == cache_mb


def test_no_limit_is_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text("max\n")
    monkeypatch.setattr(memory, "_LIMITS", (limit, tmp_path / "missing"))
    monkeypatch.setattr(memory.os, "sysconf", lambda name: 4096 if name == "SC_PAGE_SIZE" else 2**33 // 4096)
    assert memory.default_shared_buffers_mb() == 1024
