"""The rows of a model's arrays: those that its vocabulary uses must be there, and be such that they can be trained."""

from __future__ import annotations

from typing import Any

import numpy as np
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v.by_identity import ByIdentity
from torch_w2v.gensim_compat import arguments
from torch_w2v.training_log import logger

# How many words a message names.
_NAMED = 3
_ANEW = (
    "Vectors alone (KeyedVectors), and what was added or switched on after build_vocab(), are not enough: load a full "
    "model, or call build_vocab(), which forgets what was trained"
)

# model -> identity and length of its key_to_index, and the lowest and the highest row in it, when it was last read
_rows_read: ByIdentity[tuple[int, int, int, int]] = ByIdentity()


def rows_in_use(model: PlainWord2Vec, anew: bool = True) -> tuple[int, int]:
    """Return the lowest and the highest row of a vocabulary that is not empty.

    Args:
        model: whose `wv.key_to_index` counts.
        anew: read the whole vocabulary, also if it is the same dictionary, of the same length, as the last time. That
            takes 20 ms per million words.
    """
    words = model.wv.key_to_index
    identity, length, least, most = _rows_read.get(model) or (0, 0, 0, 0)
    if anew or (identity, length) != (id(words), len(words)):
        least, most = min(words.values()), max(words.values())
        _rows_read.set(model, (id(words), len(words), least, most))
    return least, most


def check_vocabulary(model: PlainWord2Vec) -> None:
    """Refuse a model without words.

    Raises:
        RuntimeError: with gensim's text, and the reason where no word of the corpus stayed.
    """
    if model.wv.key_to_index:
        return
    reason = ""
    if getattr(model, "corpus_total_words", 0):
        least, most = getattr(model, "effective_min_count", model.min_count), model.max_final_vocab
        mend = "a smaller min_count" if most is None else f"a smaller min_count, or more than max_final_vocab={most}"
        reason = f": it is empty, since no word of the corpus occurs {least} times or more; give {mend}"
    raise RuntimeError(f"you must first build vocabulary before training the model{reason}")


def check_trainable(model: PlainWord2Vec, anew: bool = True) -> None:
    """Refuse a model with a row number outside one of its arrays; gensim's threads would crash on it.

    Arrays may have more rows than are in use, as after words were taken out of the vocabulary. Words whose vectors were
    added by hand, as by `wv.add_vector`, have no counts: the arrays get rows for them that no training changes.

    Args:
        model: is about to be trained.
        anew: see `rows_in_use`.

    Raises:
        RuntimeError: there is no vocabulary; or which arrays are too short, and what to do.
        TypeError: as `check_arrays`.
        ValueError: hierarchical softmax of one word.
    """
    check_vocabulary(model)
    check_arrays(model)
    if model.hs and len(model.wv.key_to_index) == 1:
        raise ValueError(arguments.ONE_WORD_TREE)
    lowest, highest = rows_in_use(model, anew)
    arrays = _needed(model, highest)
    short = _too_short(arrays)
    words = counted_from(model, _covered(arrays, highest)) if short else []
    if short and all(short.values()) and not words:
        _lengthen(model, len(model.wv.vectors))
        arrays = _needed(model, highest)
        short = _too_short(arrays)
    wrong = [f"{name} has {length} rows" for name, length in short.items()]
    if lowest < 0:
        wrong.append(f"a word has the row {lowest}")
    for name in ("wv.vectors", "syn1neg", "syn1"):
        columns = np.shape(arrays.get(name, ((), 0))[0])[1:]
        if columns and columns != (model.vector_size,):
            wrong.append(f"{name} has {columns[0]} columns for a vector_size of {model.vector_size}")
    if not _length(getattr(model.wv, "vectors_lockf", None)):
        wrong.append("wv.vectors_lockf is missing or empty")
    if wrong:
        only_outputs = len(wrong) == len(short) and short.keys() <= {"syn1neg", "syn1"} and all(short.values())
        remedy = _how_to_lengthen(model, short, words) if only_outputs and words else _ANEW
        raise RuntimeError(
            f"the vocabulary uses {highest + 1} rows, but {', '.join(wrong)}: this model cannot train. {remedy}"
        )


def _needed(model: PlainWord2Vec, highest: int) -> dict[str, tuple[Any, int]]:
    """Return the arrays that training reads, by name, each with the number of rows that it must have.

    Args:
        model: the model.
        highest: row in use.
    """
    wv = model.wv.expandos
    # what is indexed by the row of a word
    by_word = {"wv.vectors": model.wv.vectors, "wv.expandos['count']": wv.get("count")}
    arrays: dict[str, tuple[Any, int]] = {}
    if model.negative:
        by_word["cum_table"] = model.cum_table
        # a negative is any row of cum_table
        arrays["syn1neg"] = getattr(model, "syn1neg", None), max(highest + 1, _length(model.cum_table))
    if model.hs:
        by_word.update({f"wv.expandos[{name!r}]": wv.get(name) for name in ("code", "point")})
        # the inner nodes of a binary tree with so many leaves
        arrays["syn1"] = getattr(model, "syn1", None), max(highest, 1)
    if model.sample:
        by_word["wv.expandos['sample_int']"] = wv.get("sample_int")
    arrays.update({name: (array, highest + 1) for name, array in by_word.items()})
    return arrays


def _too_short(arrays: dict[str, tuple[Any, int]]) -> dict[str, int]:
    """Return the numbers of rows of those arrays that have less than they must have, by name."""
    return {name: _length(array) for name, (array, rows) in arrays.items() if _length(array) < rows}


def _covered(arrays: dict[str, tuple[Any, int]], highest: int) -> int:
    """Return the row from which on the vocabulary has no room in some array."""
    return min(highest + 1 - max(rows - _length(array), 0) for array, rows in arrays.values())


def counted_from(model: PlainWord2Vec, first: int) -> list[Any]:
    """Return the words of a vocabulary from a row on that were counted, or have no vector."""
    vectors, count = len(model.wv.vectors), model.wv.expandos.get("count")
    counted = np.zeros(vectors, bool)
    known = min(_length(count), vectors)
    if count is not None:
        counted[:known] = count[:known] != 0
    return [word for word, row in model.wv.key_to_index.items() if row >= first and (row >= vectors or counted[row])]


def _lengthen(model: PlainWord2Vec, rows: int) -> None:
    """Give every array rows up to a number of them, such that they are neither trained nor drawn."""
    logger.info("words that were added by hand, and have no counts, are not trained: their arrays get rows of zeros")
    wv = model.wv.expandos
    for name in ("count", "sample_int"):
        if name in wv:
            wv[name] = _with_rows(wv[name], rows)
    for name, dtype in (("code", np.uint8), ("point", np.uint32)):
        if name in wv:
            wv[name] = _with_rows(wv[name], rows)
            for row in np.flatnonzero([not isinstance(path, np.ndarray) for path in wv[name]]):
                wv[name][row] = np.zeros(0, dtype)  # a path of no nodes
    lengthen_outputs(model, rows)
    if model.negative:
        # What adds nothing to the sum is never drawn.
        more = np.full(max(rows - len(model.cum_table), 0), model.cum_table[-1], model.cum_table.dtype)
        model.cum_table = np.concatenate([model.cum_table, more])


def lengthen_outputs(model: PlainWord2Vec, rows: int) -> None:
    """Give the output tables of a model rows of zeros, as those of new words are, up to a number of rows."""
    for name, least in (("syn1neg", rows), ("syn1", rows - 1)):
        if getattr(model, name, None) is not None:
            setattr(model, name, _with_rows(getattr(model, name), least))


def _with_rows(array: np.ndarray, rows: int) -> np.ndarray:
    if len(array) >= rows:
        return array
    return np.concatenate([array, np.zeros((rows - len(array), *array.shape[1:]), array.dtype)])


def _how_to_lengthen(model: PlainWord2Vec, short: dict[str, int], words: list[Any]) -> str:
    """Return what to do where the output rows of some words are all that is missing."""
    rows = len(model.wv.vectors)
    named = ", ".join(map(repr, words[:_NAMED])) + (", …" if len(words) > _NAMED else "")
    remedies = [
        f"model.{name} = numpy.pad(model.{name}, ((0, {rows - length}), (0, 0)))" for name, length in short.items()
    ]
    return (
        f"It has counts of {named}, but no output rows for all words, as where vectors were added by hand before a "
        f"build_vocab(update=True) of gensim's. To keep what was trained: {'; '.join(remedies)}. build_vocab() alone "
        "would forget it"
    )


def _length(array: Any) -> int:
    return 0 if array is None else len(array)


def check_arrays(model: PlainWord2Vec) -> None:
    """Refuse weights that a program has set to what is no array of numbers.

    Raises:
        TypeError: what it is, and what to give instead.
    """
    weights = [("wv.vectors", getattr(model.wv, "vectors", None), 2)]
    weights += [(name, getattr(model, name, None), 2) for name in ("syn1neg", "syn1")]
    weights += [("cum_table", getattr(model, "cum_table", None), 1)] if model.negative else []
    weights += [("wv.vectors_lockf", getattr(model.wv, "vectors_lockf", None), 1)]
    for name, array, dimensions in weights:
        # What is missing has a message of its own.
        if (array is None and name != "wv.vectors") or (name == "wv.vectors_lockf" and not _length(array)):
            continue
        if not (isinstance(array, np.ndarray) and array.ndim == dimensions and array.dtype.kind in "fiub"):
            given = f"a {type(array).__name__}"
            if isinstance(array, np.ndarray):
                given = f"an array of {array.dtype} and shape {array.shape}"
            shape = "(words, vector_size)" if dimensions == 2 else "(words,)"
            raise TypeError(
                f"model.{name} is {given}: must be a numpy array of numbers, {shape}; numpy.asarray() makes one of a "
                "list, or of a tensor on the CPU"
            )


def make_writable(model: PlainWord2Vec) -> None:
    """Replace weights that cannot be trained in place by copies.

    Those are weights that came from `load(mmap='r')`, or that are not float32 in rows as gensim's are.

    Raises:
        TypeError: as `check_arrays`.
    """
    check_arrays(model)
    for owner, name in ((model.wv, "vectors"), (model.wv, "vectors_lockf"), (model, "syn1neg"), (model, "syn1")):
        weights = getattr(owner, name, None)
        if not isinstance(weights, np.ndarray):
            continue
        if weights.dtype != np.float32 or not (weights.flags.writeable and weights.flags.c_contiguous):
            logger.info("%s is read-only (loaded with mmap='r'?) or not float32: training on a copy", name)
            setattr(owner, name, np.array(weights, np.float32, order="C"))
