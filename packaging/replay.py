"""Check an installed wheel on the machine of its platform, or on an emulator of it: python packaging/replay.py FOLDER.

FOLDER is a recording of `record.py`, made on another machine. Needs the package, numpy and gensim, but not torch.
"""

from __future__ import annotations

import ctypes
import gzip
import os
import platform
import struct
import sys
import tempfile
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gensim.models
import numpy as np
from gensim.test.utils import common_texts

import torch_w2v
from torch_w2v import cli, corpus, native, system
from torch_w2v.corpus.counting import count_words
from torch_w2v.distributed import bindings
from torch_w2v.distributed.merge import Curvature
from torch_w2v.engines.cpu import engine as cpu
from torch_w2v.files import replacing

ALIGNMENT = 64  # bytes
TABLES = ("inputs", "outputs")


def recorded_calls(folder: Path) -> list[tuple[dict[str, np.ndarray], bytes]]:
    """Return the calls of a recording: the arrays of each by name, and its numbers as bytes."""
    data = memoryview((folder / "calls").read_bytes())
    calls = []
    numbers = ctypes.sizeof(cpu.Call) - cpu.Call.V.offset
    at = 0
    while at < len(data):
        arrays = {}
        for name, kind in cpu.Call._fields_:
            if kind is not ctypes.c_void_p:
                break
            (size,) = struct.unpack_from("=q", data, at)
            memory = np.zeros(size + ALIGNMENT, np.uint8)
            start = -memory.ctypes.data % ALIGNMENT
            arrays[name] = memory[start : start + size]
            arrays[name][:] = np.frombuffer(data[at + 8 : at + 8 + size], np.uint8)
            at += 8 + size
        calls.append((arrays, bytes(data[at : at + numbers])))
        at += numbers
    return calls


def replay_kernel(folder: Path, isa: str) -> str:
    """Make the recorded calls with one instruction set, and return what was found.

    Each is made twice: with the tables as they were recorded, and in place, as gensim has them, at addresses that no
    vector of the processor is aligned to.
    """
    wanted = np.load(folder / "expected.npz")
    largest = 0.0
    rounds = isa == "avx512bf16"
    calls = recorded_calls(folder)
    of_skip_gram = 0
    for i, (arrays, numbers) in enumerate(calls):
        call = cpu.Call(**{name: array.ctypes.data if len(array) else None for name, array in arrays.items()})
        ctypes.memmove(ctypes.addressof(call) + cpu.Call.V.offset, numbers, len(numbers))
        of_skip_gram += call.skip_gram
        tables = {name: arrays[name].view(np.float32).reshape(call.V, call.stride) for name in TABLES}
        loose = {name: np.pad(table[:, : call.columns].ravel(), 1) for name, table in tables.items()}
        _call(isa, call)
        results = {name: table[:, : call.columns] for name, table in tables.items()}
        assert not any(table[:, call.columns :].any() for table in tables.values())
        results["result"] = arrays["result"].view(np.float64)
        largest = max(largest, _largest_difference(wanted, i, results, rounds))
        call.inputs, call.outputs = (loose[name].ctypes.data + 4 for name in TABLES)
        call.pitch, call.direct = call.columns, 0
        _call(isa, call)
        results = {name: array[1:-1].reshape(call.V, call.columns) for name, array in loose.items()}
        assert not any(array[[0, -1]].any() for array in loose.values())
        results["result"] = arrays["result"].view(np.float64)
        largest = max(largest, _largest_difference(wanted, i, results, rounds))
    parts = f"{len(calls) - of_skip_gram} calls of CBOW, {of_skip_gram} of skip-gram"
    return f"kernel {isa}: {parts}, each also in place, largest difference {largest:.1e}"


def _call(isa: str, call: cpu.Call) -> None:
    skip_gram = bool(call.skip_gram)
    if cpu.kernel(isa, skip_gram, skip_gram and isa == "avx512bf16")(ctypes.byref(call)):
        raise MemoryError


def _largest_difference(
    wanted: Mapping[str, np.ndarray], i: int, results: dict[str, np.ndarray], rounds: bool
) -> float:
    np.testing.assert_allclose(results["result"], wanted[f"result{i}"], rtol=1e-3 if rounds else 1e-6)
    for name in TABLES:
        np.testing.assert_allclose(results[name], wanted[f"{name}{i}"], rtol=1e-5, atol=5e-3 if rounds else 1e-6)
    return max(float(np.abs(results[name] - wanted[f"{name}{i}"]).max(initial=0)) for name in TABLES)


def merged(problem: dict[str, np.ndarray], wire: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Return what the library makes of the rows that several machines have trained.

    Args:
        problem: the arguments of `bindings.pack`, and `parts`, those of `bindings.add`.
        wire: what all ranks have sent; None for what this one sends.
    """
    curvature = Curvature(problem["directions"], problem["rates"])
    local, base = problem["local"].copy(), problem["base"].copy()
    sent = np.zeros((len(base), base.shape[1] + len(curvature.rates)), np.uint16)
    with ThreadPoolExecutor(2) as pool:
        bindings.pack(local, base, problem["gradients"], curvature, sent, pool)
        bindings.apply(local, base, curvature, sent if wire is None else wire, pool)
    assert np.array_equal(local, base)
    return {"wire": sent, "moved": base, "sum": bindings.add(problem["parts"])}


def replay_merge(folder: Path, isa: str) -> str:
    """Merge the recorded rows with one instruction set, and return what was found."""
    recorded = np.load(folder / "merge.npz")
    largest, rounded_otherwise, numbers = 0.0, 0, 0
    count = 1 + max(int(name.split(".")[0]) for name in recorded.files)
    os.environ["TORCH_W2V_ISA"] = isa
    for i in range(count):
        problem = {name.split(".")[1]: recorded[name] for name in recorded.files if name.startswith(f"{i}.")}
        found = merged(problem, problem["wire"])
        # One step of bfloat16, where a sum lies halfway between two of its numbers.
        sent, wanted = bindings.from_wire(found["wire"]), bindings.from_wire(problem["wire"])
        np.testing.assert_allclose(sent, wanted, rtol=2**-7, atol=1e-6)
        rounded_otherwise, numbers = rounded_otherwise + int((sent != wanted).sum()), numbers + sent.size
        np.testing.assert_allclose(found["moved"], problem["moved"], rtol=1e-5, atol=2e-6)
        largest = max(largest, float(np.abs(found["moved"] - problem["moved"]).max()))
        assert np.array_equal(found["sum"], problem["sum"])
    del os.environ["TORCH_W2V_ISA"]
    return (
        f"merge {isa}: {count} tables, {rounded_otherwise} of {numbers} numbers are sent with another last bit, "
        f"largest difference {largest:.1e}"
    )


def replay_splitter(folder: Path) -> str:
    """Split the recorded text, and return what was found."""
    wanted = np.load(folder / "split.npz")
    for threads in (1, 3):
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        scan = count_words(corpus.files(str(folder / "text")), threads, 1e9, lambda *part: parts.append(part))  # noqa: B023
        tokens, lengths = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        assert np.array_equal(tokens, wanted["tokens"])
        assert np.array_equal(lengths, wanted["lengths"])
        assert "\n".join(map(str, scan.words)).encode() == (folder / "words").read_bytes()
    return f"splitter: {len(tokens)} words, all equal"


def model(sentences: object = None, **options: object) -> torch_w2v.Word2Vec:
    """Return a small model that is trained as `engine="auto"` does, without a warning."""
    small = {"vector_size": 20, "min_count": 1, "workers": 1, "epochs": 5, "seed": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        return torch_w2v.Word2Vec(sentences, **{**small, **options})


def train_save_and_load(folder: Path) -> str:
    """Do what users do, and return what was found."""
    sentences = common_texts * 100
    first, again = model(sentences), model(sentences)
    assert np.array_equal(first.wv.vectors, again.wv.vectors)
    assert np.isfinite(model(sentences, workers=3, corpus_cache="disk", compute_loss=True).training_losses).all()
    assert np.array_equal(model(sentences, sg=1).wv.vectors, model(sentences, sg=1).wv.vectors)
    text, packed = folder / "a.txt", folder / "a.txt.gz"
    text.write_bytes("\n".join(map(" ".join, sentences)).encode())
    packed.write_bytes(gzip.compress(text.read_bytes()))
    for path in (text, packed):
        assert np.array_equal(model(corpus_file=path).wv.vectors, first.wv.vectors)
    path = folder / "m.model"
    for _ in range(2):
        first.save(path, sep_limit=0)
        loaded = gensim.models.Word2Vec.load(str(path))
        assert np.array_equal(loaded.wv.vectors, first.wv.vectors)
    mapped = torch_w2v.Word2Vec.load(path, mmap="r")
    mapped.train(sentences, total_examples=len(sentences), epochs=1)
    save_vectors(first, f"{path}.kv")
    vectors = gensim.models.KeyedVectors.load(f"{path}.kv", mmap="r")
    before = np.array(vectors.vectors)
    try:
        save_vectors(mapped, f"{path}.kv")
        outcome = "replaced"
    except PermissionError as e:
        if os.name != "nt" or "mapped into memory" not in str(e):
            raise
        outcome = "refused"
    assert np.array_equal(vectors.vectors, before)
    assert not [name for name in os.listdir(folder) if name.startswith(".torch_w2v")]
    return f"training, saving and loading; a mapped file is {outcome}"


def save_vectors(trained: torch_w2v.Word2Vec, path: str) -> None:
    """Save the vectors with their arrays in files of their own."""
    with replacing(path) as temporary:
        trained.wv.save(temporary, sep_limit=0)


def run_commands(folder: Path) -> str:
    """Run the commands, and return what was found."""
    text, encoded, vectors = (str(folder / name) for name in ("a.txt", "a.w2v", "v.txt"))
    assert cli.main(["encode", text, "-o", encoded]) == 0
    for source in (text, encoded):
        assert (
            cli.main(["train", source, "-o", vectors, "--min-count", "1", "--workers", "2", "--quiet", "--overwrite"])
            == 0
        )
    assert cli.main(["neighbours", vectors, "computer", "--topn", "2"]) == 0
    return "commands encode, train and neighbours"


def main(recording: Path) -> None:
    """Check all, and print one line for each part."""
    print(f"{platform.platform()}, {platform.machine()}, Python {platform.python_version()}", end=", ")
    print(f"numpy {np.__version__}, gensim {gensim.__version__}, torch_w2v at {Path(torch_w2v.__file__).parent}")
    print(f"{system.cores()} cores, {system.memory_limit() >> 20} MB, {native.find()}, {cpu.supported()}", flush=True)
    for isa in cpu.supported():
        print(replay_kernel(recording, isa), flush=True)
        print(replay_merge(recording, isa), flush=True)
    print(replay_splitter(recording), flush=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        print(train_save_and_load(Path(folder)), flush=True)
        print(run_commands(Path(folder)), flush=True)
    assert "torch" not in sys.modules
    print("all is well")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
