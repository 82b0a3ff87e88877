"""The first use of the kernels on a device: a small known problem, compared with the specification and remembered.

What a compiler makes of a kernel depends on the device, the driver, and the versions of torch and Triton. A mistake of
any of them would train nonsense in silence, so that each combination is tried once.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import torch

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines import streams
from torch_w2v.engines.interface import Engine, Rates, Tables
from torch_w2v.engines.plan import EpochPlan, Layout, Objective
from torch_w2v.engines.reference import ReferenceEngine
from torch_w2v.engines.triton.engine import TritonEngine
from torch_w2v.files import replacing
from torch_w2v.training_log import logger

# Columns, layout and model of the problems, for the kernels of CBOW and of skip-gram: rows in one tile and in several,
# one set of negatives and several. One program at a time, so that the result is that of the specification.
PROBLEMS = (
    (100, Layout(32, 1, 32, 1), False),
    (300, Layout(16, 4, 8, 1), False),
    (100, Layout(16, 1, 32, 1), True),
    (300, Layout(16, 2, 32, 1), True),
)
# The largest difference that counts as equal, as a share of the update: tf32 has 10 bits, which makes 2 in 1,000.
TOLERANCE = 0.01
_WORDS, _TOKENS = 200, 128


@cache
def why_wrong(device: str) -> str | None:
    """Return why the kernel must not be used on a device; None if it computes there what it must.

    The answer is remembered in `cache_folder()`, so that each combination of device, driver and versions takes the
    seconds of this check once.

    Args:
        device: a CUDA device, as torch writes it.
    """
    combination = _combination(torch.device(device))
    folder = cache_folder()
    path = folder and folder / f"triton-{_hash(json.dumps(combination, sort_keys=True).encode())}.json"
    known, reason = _remembered(path) if path else (False, None)
    if known:
        return reason
    logger.info("first use of the Triton kernel on %s: checking it against the specification", combination["device"])
    try:
        reason = compare(TritonEngine(device))
    except Exception as e:
        # Whatever the compiler or the driver raises: the kernel cannot be used now; perhaps it can another time.
        return f"the Triton kernel could not be checked on {combination['device']} ({type(e).__name__}: {e})"
    if reason is not None:
        versions = ", ".join(f"{name} {value}" for name, value in combination.items())
        reason = f"the Triton kernel computes something else than it must ({reason}; {versions})"
    if path:
        _write(path, {"reason": reason, **combination})
    return reason


def compare(engine: Engine) -> str | None:
    """Return how an engine differs from the specification on small problems; None if it does not."""
    for columns, layout, skip_gram in PROBLEMS:
        tables, chunk, rates, plan = _problem(columns, layout, skip_gram)
        expected = Tables(*(torch.from_numpy(table.astype(np.float64)) for table in tables))
        specification = ReferenceEngine("cpu")
        specification.train(expected, specification.load_chunk(chunk), rates, specification.load_plan(plan))
        loaded = Tables(*(engine.load_table(table.copy()) for table in tables))
        engine.train(loaded, engine.load_chunk(chunk), rates, engine.load_plan(plan))
        for name, before, rows, wanted in zip(Tables._fields, tables, loaded, expected, strict=True):
            update = np.linalg.norm(wanted.numpy() - before)
            wrong = float(np.linalg.norm(engine.as_array(rows) - wanted.numpy()) / update)
            # A NaN is not below anything.
            if not wrong < TOLERANCE:
                model = "skip-gram" if skip_gram else "CBOW"
                return f"{name} of {model} with {columns} columns are wrong by {wrong:.2g} of their update"
    return None


def cache_folder() -> Path | None:
    """Return the folder in which results are remembered: that of TORCH_W2V_CACHE, or torch_w2v in the user's caches.

    None for a user without a home, as in some containers.
    """
    folder = os.environ.get("TORCH_W2V_CACHE")
    if folder:
        return Path(folder)
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(caches) / "torch_w2v" if os.path.isabs(caches) else None


def _problem(columns: int, layout: Layout, skip_gram: bool) -> tuple[Tables, Chunk, Rates, EpochPlan]:
    rng = np.random.default_rng(1)
    tables = Tables(*(rng.normal(0, 0.3, (_WORDS, columns)).astype(np.float32) for _ in range(2)))
    tokens = (rng.zipf(1.3, _TOKENS) % _WORDS).astype(np.int32)
    offsets = np.array([0, 1, 8, 40, _TOKENS], np.int64)
    none = np.zeros(0, np.float32)
    plan = EpochPlan(
        objective=Objective(window=5, negative=5, skip_gram=skip_gram),
        layout=layout,
        keep=np.full(_WORDS, 0xF000_0000, np.uint32).view(np.int32),
        noise=streams.alias_table(rng.uniform(0.1, 3.0, _WORDS)),
        input_scale=none,
        output_scale=none,
        token_stream=streams.key(1, 0, 0, streams.TOKEN),
        noise_stream=streams.key(1, 0, 0, streams.NOISE),
    )
    return tables, Chunk(tokens, offsets, 0, _TOKENS, 0, len(offsets) - 1), Rates(0.05, 0.04), plan


def _combination(device: torch.device) -> dict[str, str]:
    """Return what the kernel's code depends on."""
    driver = Path("/proc/driver/nvidia/version")
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return {
        "device": torch.cuda.get_device_name(device),
        "capability": ".".join(map(str, torch.cuda.get_device_capability(device))),
        "driver": driver.read_text(encoding="utf8").splitlines()[0] if driver.is_file() else "unknown",
        "torch": torch.__version__,
        "triton": importlib.metadata.version("triton"),
        "products": os.environ.get("TORCH_W2V_DOT", "tf32"),
        "kernel": _hash(b"".join(source.read_bytes() for source in sources)),
    }


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _remembered(path: Path) -> tuple[bool, str | None]:
    """Return whether a result is remembered, and that result."""
    try:
        return True, json.loads(path.read_text(encoding="utf8"))["reason"]
    except (OSError, ValueError, KeyError, TypeError):
        return False, None


def _write(path: Path, result: dict[str, str | None]) -> None:
    # Without a folder to write to, every process checks.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            Path(temporary).write_text(json.dumps(result, indent=1), encoding="utf8")
