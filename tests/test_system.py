import ctypes
import os
import sys

import numpy as np
import pytest

from torch_w2v import system


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a process")
def test_peak_memory_is_that_of_the_block():
    with system.PeakMemory() as peak:
        np.ones(8_000_000)
    assert 60e6 < peak.bytes < 80e6
    with system.PeakMemory() as peak:
        pass
    assert peak.bytes < 10e6


def test_peak_memory_is_none_where_the_system_does_not_tell(monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", refuse)
        with system.PeakMemory() as peak:
            pass
    assert peak.bytes is None


def test_the_container_counts_if_it_has_less_memory(monkeypatch, tmp_path):
    machine = system.memory_limit()
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(system, "_CONTAINER_LIMITS", (str(tmp_path / "none"), str(limit)))
    for text, expected in (("4096\n", 4096), ("max\n", None), (f"{1 << 62}\n", None)):
        limit.write_text(text)
        assert system.memory_limit() == expected or (expected is None and system.memory_limit() >= machine)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is Linux's")
def test_the_limit_of_the_process_counts_too(monkeypatch):
    """That of `ulimit -v`, of which other things than memory in use take a part."""
    machine, most = system.memory_limit(), system._status_bytes("VmSize") + 50_000_000
    monkeypatch.setattr("resource.getrlimit", lambda what: (most, most))
    assert system.memory_limit() == min(most, machine)
    assert system.available_memory() <= 50_000_000
    monkeypatch.setattr("resource.getrlimit", lambda what: (1000, 1000))
    assert (system.memory_limit(), system.available_memory()) == (1000, 0)


def test_cores_are_those_of_this_process():
    assert 1 <= system.cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="only glibc keeps what is freed")
def test_freed_memory_is_released():
    pieces = [bytes(2000) for _ in range(30_000)]
    # What is in use above them keeps the rest from being released at once.
    del pieces[:-1]
    before = system._status_bytes("VmRSS")
    system.release_freed_memory()
    assert before - system._status_bytes("VmRSS") > 40e6
    del pieces


def test_nothing_is_released_where_the_system_does_that_itself(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(system.ctypes, "CDLL", None)
    system.release_freed_memory()
