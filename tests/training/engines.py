"""Small engines for the tests of training, and the arguments that they take."""

import threading

import numpy as np

from tests.engines.cases import case
from torch_w2v import corpus
from torch_w2v.engines import Engine
from torch_w2v.engines.interface import ChunkResult
from torch_w2v.engines.plan import Layout

PLAN = case(lengths=()).plan


def chunk(n, examples=1, position=0):
    """A chunk of `n` tokens."""
    return corpus.Chunk(np.zeros(n, np.int32), np.array([0, n]), 0, n, position, examples)


class RecordingEngine(Engine):
    """Records its chunks and counts every token as kept, with a loss of 0.5 on 2 pairs.

    Args:
        thread_safe: as `Engine.thread_safe`.
        on_chunk: called with the position of each chunk before it is recorded.
    """

    name = "recording"

    def __init__(self, thread_safe=False, on_chunk=lambda position: None):
        super().__init__()
        self.thread_safe, self.on_chunk, self.seen = thread_safe, on_chunk, []

    def layout(self, workload):
        return Layout()

    def train(self, tables, chunk, rates, plan):
        self.on_chunk(chunk.position)
        self.seen.append((chunk.position, *rates, threading.current_thread()))
        n = len(chunk.tokens)
        return ChunkResult(n, 0.5 * n, 2 * n)


class CopyingEngine(RecordingEngine):
    """Has rows of its own, as an engine on a device has, and stores them with a count of the calls.

    Args:
        interrupted_store: number of the call of `store_table`, from 1, that is interrupted; 0 for none.
    """

    name = "copying"

    def __init__(self, interrupted_store=0):
        super().__init__()
        self.interrupted_store, self.stores = interrupted_store, 0

    def load_table(self, table, previous=None):
        return table + 1

    def store_table(self, table, rows):
        self.stores += 1
        if self.stores == self.interrupted_store:
            raise KeyboardInterrupt
        table[:] = rows


class CachingEngine(RecordingEngine):
    """Moves arrays to a device of `capacity` arrays, on which tokens may take `cache_bytes`."""

    name = "caching"
    out_of_memory_errors = (OverflowError,)

    def __init__(self, cache_bytes, capacity=10**9):
        super().__init__()
        self.cache_bytes, self.capacity, self.moved = cache_bytes, capacity, []

    def load_array(self, array):
        if len(self.moved) == self.capacity:
            self.moved.clear()
            raise OverflowError
        self.moved.append(array)
        return array

    def token_cache_bytes(self):
        return self.cache_bytes

    def explain_out_of_memory(self, tables):
        return f"no memory for {len(tables)} tables"
