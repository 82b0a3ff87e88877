"""An encoded corpus is the same in memory and on disk, and nothing of it stays on the disk."""

import mmap
import os
import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torch_w2v import system
from torch_w2v.corpus import store
from torch_w2v.corpus.store import Encoded, Spool

PARTS = st.lists(st.lists(st.lists(st.integers(0, 99), max_size=5), max_size=5), max_size=8)


def spooled(policy, parts):
    spool = Spool(policy)
    for part in parts:
        tokens = [token for sentence in part for token in sentence]
        spool.add(np.array(tokens, np.int32), np.array(list(map(len, part)), np.int64))
    return spool.finish()


@given(PARTS, st.sampled_from([0, 40, 10**9]))
def test_memory_and_disk_hold_the_same(parts, limit):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(system, "memory_limit", lambda: limit)
        found = [spooled(policy, parts) for policy in ("memory", "disk", "auto")]
    for encoded in found:
        assert encoded.tokens.tolist() == [token for part in parts for sentence in part for token in sentence]
        lengths = [len(sentence) for part in parts for sentence in part]
        assert encoded.offsets.tolist() == [0, *np.cumsum(lengths, dtype=int).tolist()]
        assert (encoded.tokens.dtype, encoded.offsets.dtype) == (np.int32, np.int64)


def test_auto_goes_to_disk_at_a_quarter_of_the_memory(monkeypatch, caplog):
    caplog.set_level("INFO", "torch_w2v")
    part = [[[1, 2, 3, 4]] * 10]  # 160 bytes of tokens, 88 of offsets
    monkeypatch.setattr(system, "memory_limit", lambda: 4 * 248)
    assert spooled("auto", part).in_memory
    assert not caplog.messages
    monkeypatch.setattr(system, "memory_limit", lambda: 4 * 247)
    assert not spooled("auto", part).in_memory
    assert caplog.messages == [
        f"the encoded corpus exceeds a quarter of the memory: moving it to a temporary file in {tempfile.gettempdir()}"
    ]
    assert system.memory_limit() > 0


def test_nothing_stays_in_the_temporary_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    encoded = spooled("disk", [[[1, 2], [3]]] * 1000)
    assert os.listdir(tmp_path) == []
    assert encoded.tokens[-3:].tolist() == [1, 2, 3]
    spool = Spool("disk")
    spool.add(np.zeros(3, np.int32), np.array([3]))
    spool.close()
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk(monkeypatch):
    monkeypatch.setattr(store.tempfile, "TemporaryFile", lambda **_: open("/dev/full", "w+b", buffering=0))  # noqa: SIM115
    with pytest.raises(
        OSError, match=r"no space for the encoded corpus .* set TMPDIR to another folder, or use corpus_"
    ):
        spooled("disk", [[[1]]])


@given(st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=20), st.integers(1, 12))
def test_runs_translate_into_rows(sentences, size):
    encoded = spooled("memory", [sentences])
    rows = np.arange(10, dtype=np.int32)[::-1].copy()
    plain = list(Encoded(rows[encoded.tokens], encoded.offsets).runs(size))
    translated = list(Encoded(encoded.tokens, encoded.offsets, rows=rows).runs(size))
    assert len(plain) == len(translated)
    for one, other in zip(plain, translated, strict=True):
        assert one.position == other.position
        np.testing.assert_array_equal(one.tokens, other.read().tokens)
        np.testing.assert_array_equal(one.offsets, other.offsets)


@pytest.mark.parametrize("spill", [None, 3, 9])
@pytest.mark.parametrize("can_resize", [True, False])
def test_growing_array(spill, can_resize, monkeypatch):
    if not can_resize:  # as on macOS

        class NoResize(mmap.mmap):
            def resize(self, size):
                raise SystemError("mmap: resizing not available--no mremap()")

        monkeypatch.setattr(store.mmap, "mmap", NoResize)
    array, pieces = store.GrowingArray(np.int64), [np.arange(100_000) + i for i in range(12)]
    for i, piece in enumerate(pieces):
        if i == spill:
            array.spill()
        array.append(piece)
    np.testing.assert_array_equal(array.finish(), np.concatenate(pieces))
