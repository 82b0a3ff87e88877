"""The fused CPU kernels (cbow.cpp, skipgram/): fills their arguments and calls them. torch is not needed."""

from __future__ import annotations

import ctypes
import dataclasses
import math
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import numpy as np

from torch_w2v import native, system
from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines import layouts
from torch_w2v.engines.cpu.private_rows import ThreadTables
from torch_w2v.engines.cpu.rows import LANES, is_copy_of, is_in_rows, is_padded, padded, rows_behind
from torch_w2v.engines.interface import ChunkResult, Engine, Rates, Tables
from torch_w2v.engines.padding import padded_width
from torch_w2v.engines.plan import EpochPlan, Layout, Objective, Workload
from torch_w2v.engines.sharing import Sharing
from torch_w2v.native import REINSTALL, library
from torch_w2v.training_log import logger

# floats per row that the kernel has scratch for
MAX_VECTOR_SIZE = 4096
# the instruction sets that the kernel is compiled for, in the order of w2v_isa()
ISAS = ("base", "avx2", "avx512", "avx512bf16")
# the last one has kernels of its own for `Layout.bfloat16` only
_BFLOAT16, _WITHOUT_BFLOAT16 = "avx512bf16", "avx512"
# With fewer inputs per block it takes as long to round a set's rows as their products gain.
_INPUTS_WORTH_ROUNDING = 8

# Below this many words per row of the tables it costs less to train in place, at two thirds of the speed, than to
# copy all rows there and back: a copied row costs as much time as training on some three words saves.
WORDS_PER_COPIED_ROW = 4
# Bytes of copies from which on it is looked up how much memory there is, which takes half a millisecond.
_ALWAYS_COPIED = 1 << 24

_PLAN_ARRAYS = ("keep", "noise", "input_scale", "output_scale")
_ARRAYS = ("inputs", "outputs", "tokens", "offsets", *_PLAN_ARRAYS, "exchanged", "exchanges", "met", "result")
_TABLES = ("V", "columns", "stride", "pitch", "direct")
_SHARING = ("private_rows", "private_first")
_CHUNK = ("sentences", "begin", "end", "position", "token_stream", "noise_stream")
_OBJECTIVE = tuple(field.name for field in dataclasses.fields(Objective))
# B is not among them: the kernel works on one block at a time.
_LAYOUT = ("T", "S", "N", "G", "fresh", "by_set")


class Call(ctypes.Structure):
    """The kernel's arguments: the same fields, in the same order, as `struct Call` in call.h."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in _ARRAYS),
        *((name, ctypes.c_int64) for name in (*_TABLES, *_SHARING, *_CHUNK, *_OBJECTIVE, *_LAYOUT, "apart")),
        *((name, ctypes.c_double) for name in ("alpha_begin", "alpha_end", "largest_score")),
    ]


class CpuEngine(Engine):
    """The fused kernel on the CPU: one block at a time, on as many threads as there are workers."""

    name = "cpu"
    thread_safe = True
    out_of_memory_errors = (MemoryError,)

    def __init__(self, vector_size: int = 1) -> None:
        super().__init__("cpu")
        check_vector_size(vector_size)
        self.prepared: _Prepared | None = None

    def layout(self, workload: Workload) -> Layout:
        """Return the layout of one block per step."""
        if not workload.skip_gram:
            return layouts.one_block_per_step(workload)
        layout = layouts.skip_gram_block(workload)
        # Blocks of consecutive inputs are those of a bursty corpus: they end early.
        rounds = layout.T >= _INPUTS_WORTH_ROUNDING and layout.stride > 1
        return dataclasses.replace(
            layout, bfloat16=rounds and _chosen(os.environ.get("TORCH_W2V_ISA", "")) == _BFLOAT16
        )

    def load_table(self, table: np.ndarray, previous: Any = None) -> np.ndarray:
        """Return a copy of the table whose rows are padded; see `Engine.load_table`."""
        return self._copy(table, previous)

    def _copy(self, table: np.ndarray, previous: Any, more_rows: int = 0) -> np.ndarray:
        return padded(table, previous if is_copy_of(previous, table) else None, more_rows)

    def load_tables(
        self, tables: Tables, previous: Sequence[Any] = (None, None), words: float = math.inf, more_rows: int = 0
    ) -> Tables:
        """Return padded copies of the tables; see `Engine.load_tables`.

        The tables themselves are returned, to be trained in place, where copies cost more than the kernel's full speed
        saves, would take more than half of the free memory, or find none. It is decided for both: the kernel needs rows
        of the same length in both.
        """
        if self._trains_in_place(tables, previous, words):
            return tables
        try:
            return Tables(*(self._copy(table, rows, more_rows) for table, rows in zip(tables, previous, strict=True)))
        except MemoryError:
            if not _have_rows_in_place(tables):
                raise
            logger.info("training in place, at two thirds of the speed: there is no memory for copies of the vectors")
            return tables

    def for_thread(self, tables: Tables, sharing: Sharing | None, thread: int) -> AbstractContextManager[Tables]:
        """Return a context with the tables that a thread is to train on; see `Engine.for_thread`.

        Tables that are trained in place have no room for rows of threads: these share all of them.
        """
        if sharing is None or min(map(rows_behind, tables)) < sharing.rows * sharing.threads:
            return nullcontext(tables)
        return ThreadTables.opened(tables, sharing, thread)

    def _trains_in_place(self, tables: Tables, previous: Sequence[Any], words: float) -> bool:
        if not _have_rows_in_place(tables):
            return False
        V, D = tables.inputs.shape
        if words < WORDS_PER_COPIED_ROW * V:
            return True
        size = sum(
            4 * V * padded_width(D, LANES)
            for rows, table in zip(previous, tables, strict=True)
            if not is_copy_of(rows, table)
        )
        if size <= _ALWAYS_COPIED or size <= system.available_memory() / 2:
            return False
        logger.info(
            "training in place, at two thirds of the speed: copies of the vectors would take %.2f GB more", size / 1e9
        )
        return True

    def load_chunk(self, chunk: Chunk) -> Chunk:
        """Return the chunk."""
        return chunk

    def store_table(self, table: np.ndarray, rows: np.ndarray) -> None:
        """Copy padded rows into the table that they were made from."""
        # The calls that were prepared would keep the rows' memory.
        self.prepared = None
        if rows is not table:
            table[...] = rows

    def explain_out_of_memory(self, tables: Sequence[np.ndarray]) -> str:
        """Return what the tables need, and what to do."""
        V, D = tables[0].shape
        return (
            f"out of memory while training the vectors of {V:,} words with vector_size={D}, which take "
            f"{sum(table.nbytes for table in tables) / 1e9:.2f} GB: use a smaller vector_size, a higher min_count, a "
            "max_final_vocab, or fewer workers. The model is usable: it has what was trained so far"
        )

    def train(self, tables: Tables, chunk: Chunk, rates: Rates, plan: EpochPlan) -> ChunkResult:
        """Train on a chunk; see `Engine.train`. B must be 1, and in CBOW G > 1 goes with S = T only.

        Skip-gram takes up to 16 inputs per block, in groups of 4 with `fresh`, and no `output_scale`.

        Tables that `load_tables` did not return may be copied there and back by each call: only one thread may train on
        them at a time.

        TORCH_W2V_ISA=base, avx2, avx512 or avx512bf16 in the environment chooses an instruction set; by default it is
        the best that the machine has.
        """
        owner = tables if isinstance(tables, ThreadTables) else self
        prepared = owner.prepared
        if prepared is None or prepared.tables is not tables or prepared.plan is not plan:
            prepared = owner.prepared = _Prepared.of(tables, plan)
        tokens, offsets = np.ascontiguousarray(chunk.tokens), np.ascontiguousarray(chunk.offsets)
        result = np.zeros(3)
        call = Call.from_buffer_copy(prepared.call)
        call.tokens, call.offsets, call.result = _address(tokens), _address(offsets), _address(result)
        call.sentences = len(offsets) - 1
        call.begin, call.end, call.position = chunk.begin, chunk.end, chunk.position
        call.alpha_begin, call.alpha_end = rates
        rows = prepared.rows
        if rows is None:
            rows = Tables(*map(padded, tables))
            call.inputs, call.outputs = map(_address, rows)
        if prepared.function(ctypes.byref(call)):
            raise MemoryError("no memory for the CPU kernel's scratch")
        if rows is not tables:
            for table, trained in zip(tables, rows, strict=True):
                table[...] = trained
        kept, loss, pairs = result.tolist()
        return ChunkResult(int(kept), loss, pairs)


@dataclasses.dataclass(frozen=True)
class _Prepared:
    """What the calls for all chunks of an epoch have in common, checked and converted once.

    Attributes:
        tables, plan: what it was made from.
        rows: the tables, if the kernel can work on them where they are.
        arrays: the arrays that `call` points to, which are kept as long as it is.
        call: the arguments; those of a chunk are not filled in.
        function: the kernel.
    """

    tables: Tables
    plan: EpochPlan
    rows: Tables | None
    arrays: dict[str, np.ndarray]
    call: Call
    function: Any

    @classmethod
    def of(cls, tables: Tables, plan: EpochPlan) -> _Prepared:
        """Prepare calls; see `CpuEngine.train`.

        Raises:
            ValueError: a plan or a vector size that the kernel does not take.
        """
        _check_plan(plan)
        V, D = tables.inputs.shape
        check_vector_size(D)
        direct = all(map(is_padded, tables))
        in_place = direct or _have_rows_in_place(tables)
        width = padded_width(D, LANES)
        arrays = {name: np.ascontiguousarray(getattr(plan, name)) for name in _PLAN_ARRAYS}
        sharing = {}
        if isinstance(tables, ThreadTables):
            for name in ("input_scale", "output_scale"):
                arrays[name] = tables.of_all_rows(arrays[name])
            arrays |= {"exchanged": tables.exchanged, "exchanges": tables.exchanges, "met": tables.met}
            sharing = dict(zip(_SHARING, (tables.rows, tables.first), strict=True))
        call = Call(
            **{name: _address(array) for name, array in {**arrays, **tables._asdict()}.items()},
            V=V,
            columns=D,
            stride=width,
            pitch=tables.inputs.strides[0] // 4 if in_place else width,
            direct=direct or not in_place,
            **sharing,
            token_stream=plan.token_stream,
            noise_stream=plan.noise_stream,
            **{name: getattr(plan.objective, name) for name in _OBJECTIVE},
            **{name: getattr(plan.layout, name) for name in _LAYOUT},
            apart=plan.layout.stride,
            largest_score=plan.objective.largest_score,
        )
        function = kernel(os.environ.get("TORCH_W2V_ISA", ""), plan.objective.skip_gram, plan.layout.bfloat16)
        return cls(tables, plan, tables if in_place else None, arrays, call, function)


def _check_plan(plan: EpochPlan) -> None:
    layout = plan.layout
    if layout.B != 1:
        raise ValueError(f"B={layout.B}: the CPU kernel works on one block at a time")
    if plan.objective.skip_gram:
        _check_skip_gram(plan)
    elif layout.G > 1 and layout.S != layout.T:
        raise ValueError(
            f"G={layout.G} with T={layout.T}, S={layout.S}: the CPU kernel takes groups of sets with S = T only"
        )


def _check_skip_gram(plan: EpochPlan) -> None:
    T, G, fresh = plan.layout.T, plan.layout.G, plan.layout.fresh
    if T > layouts.MAX_INPUTS or G != layouts.INPUTS_TOGETHER or not fresh:
        raise ValueError(
            f"T={T}, G={G}, fresh={fresh}: the CPU kernel of skip-gram takes blocks of up to {layouts.MAX_INPUTS} "
            f"inputs, with G={layouts.INPUTS_TOGETHER} and fresh=True"
        )
    if len(plan.output_scale):
        raise ValueError("output_scale: the CPU kernel of skip-gram has no factors on output rows")


def _have_rows_in_place(tables: Tables) -> bool:
    return all(map(is_in_rows, tables)) and tables.inputs.strides == tables.outputs.strides


def _address(array: np.ndarray) -> int | None:
    return array.ctypes.data if len(array) else None


def check_vector_size(vector_size: int) -> None:
    """Raise a ValueError for rows longer than the kernel takes."""
    if vector_size > MAX_VECTOR_SIZE:
        raise ValueError(
            f"vector_size={vector_size}: the CPU kernel takes up to {MAX_VECTOR_SIZE}; give engine='auto', "
            "engine='gensim' (gensim's own), or a smaller vector_size"
        )


def supported() -> tuple[str, ...]:
    """Return the instruction sets that this machine can run."""
    return ISAS[: _best(library()) + 1]


@cache
def _best(loaded: ctypes.CDLL) -> int:
    """Return the index in `ISAS` of the best one.

    Asked once: a call of a library waits for other threads of Python, and in a virtual machine the processor's answer
    takes some 40 µs.
    """
    return int(loaded.w2v_isa())


@cache
def _bfloat16_gains(loaded: ctypes.CDLL) -> bool:
    """Return whether products of bfloat16 gain time on this machine; asked once, as `_best`."""
    return bool(loaded.w2v_bfloat16_gains())


def instruction_set(isa: str = "") -> str:
    """Return the instruction set of the kernels that are to be used, but for those with `Layout.bfloat16`.

    Args:
        isa: one of `ISAS`, as TORCH_W2V_ISA names it, or '' for the best one.

    Raises:
        ValueError: an unknown instruction set.
        RuntimeError: one that this machine cannot run.
    """
    chosen = _chosen(isa)
    return _WITHOUT_BFLOAT16 if chosen == _BFLOAT16 else chosen


def _chosen(isa: str) -> str:
    if isa and isa not in ISAS:
        raise ValueError(f"TORCH_W2V_ISA={isa!r}: must be one of {', '.join(map(repr, ISAS))}")
    can = supported()
    if isa and isa not in can:
        raise RuntimeError(f"TORCH_W2V_ISA={isa!r}: this machine can run {', '.join(map(repr, can))} only")
    if isa:
        return isa
    return _WITHOUT_BFLOAT16 if can[-1] == _BFLOAT16 and not _bfloat16_gains(library()) else can[-1]


@cache
def kernel(isa: str = "", skip_gram: bool = False, bfloat16: bool = False) -> Any:
    """Return the library's function for an instruction set; for '' the best one.

    Args:
        isa: one of `ISAS`, or ''.
        skip_gram: the function that trains skip-gram, not CBOW.
        bfloat16: as `Layout.bfloat16`.

    Raises:
        ValueError: an unknown instruction set.
        RuntimeError: one that this machine cannot run, or that has no bfloat16, or a library of another version of the
            package.
    """
    check_library(library())
    found = _chosen(isa) if bfloat16 else instruction_set(isa)
    if bfloat16 and found != _BFLOAT16:
        raise RuntimeError(f"bfloat16=True: needs the instruction set '{_BFLOAT16}', this is '{found}'")
    function = native.function(f"w2v_{'skip_gram' if skip_gram else 'train'}_{found}")
    function.argtypes, function.restype = (ctypes.POINTER(Call),), ctypes.c_int
    return function


def check_library(loaded: ctypes.CDLL) -> None:
    """Refuse a library whose `struct Call` is another one: it would read shifted fields.

    Raises:
        RuntimeError: the library is of another version of the package; with what to do.
    """
    size = getattr(loaded, "w2v_call_size", lambda: 0)()
    if size != ctypes.sizeof(Call):
        raise RuntimeError(
            f"the native library {loaded._name} is of another version of torch_w2v (its calls have {size} bytes, not "
            f"{ctypes.sizeof(Call)}): {REINSTALL}"
        )
