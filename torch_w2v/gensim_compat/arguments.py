"""Refuse arguments that gensim would hang, crash or silently train nothing on."""

from __future__ import annotations

import math

from torch_w2v.corpus.store import CACHES

MAX_WINDOW = 1_000_000  # keeps (2**32 - 1) * window inside int64 with room to spare


def check_arguments(
    *,
    vector_size: int,
    window: int,
    negative: int,
    workers: int,
    alpha: float,
    min_alpha: float,
    sample: float,
    ns_exponent: float,
    batch_words: int,
    cbow_gradient: str,
    corpus_cache: str = "auto",
) -> None:
    """Refuse what gensim would hang, crash or silently train nothing on.

    Raises:
        ValueError: what was given, what is allowed, how to mend it.
    """
    for name, value, least in (("vector_size", vector_size, 1), ("window", window, 1), ("negative", negative, 0),
                               ("workers", workers, 1), ("batch_words", batch_words, 1)):  # fmt: skip
        if value < least:
            raise ValueError(f"{name}={value}: must be an integer of at least {least}")
    if window > MAX_WINDOW:
        raise ValueError(f"window={window}: at most {MAX_WINDOW}; a window longer than the sentences changes nothing")
    for name, number in (("alpha", alpha), ("min_alpha", min_alpha), ("ns_exponent", ns_exponent)):
        if not math.isfinite(number):
            raise ValueError(f"{name}={number}: must be a finite number")
    if not 0 <= (sample or 0) < math.inf:
        raise ValueError(f"sample={sample}: must be 0 (no subsampling), a share below 1 such as 1e-3, or a word count")
    if cbow_gradient not in ("gensim", "exact"):
        raise ValueError(
            f"cbow_gradient={cbow_gradient!r}: must be 'gensim' (each context row gets gensim's update) "
            "or 'exact' (the derivative of the loss)"
        )
    if corpus_cache not in CACHES:
        raise ValueError(f"corpus_cache={corpus_cache!r}: must be one of {', '.join(map(repr, CACHES))}")
