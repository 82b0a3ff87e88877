"""Vectors as tables for the Embedding Projector (projector.tensorflow.org, and TensorBoard's Projector)."""

from __future__ import annotations

import os

import numpy as np
from gensim.models import KeyedVectors
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v.checks import check_at_least
from torch_w2v.export.folders import table_of, writing
from torch_w2v.formats import texts_of, vectors_of

FILES = ("tensors.tsv", "metadata.tsv", "projector_config.pbtxt")
LIMIT = 10_000  # as many points as the Projector shows without sampling them

# TensorBoard finds the tables by this file: `tensorboard --logdir FOLDER`.
_CONFIG = """embeddings {
  tensor_name: "words"
  tensor_path: "tensors.tsv"
  metadata_path: "metadata.tsv"
}
"""


def save_projector(
    model: PlainWord2Vec | KeyedVectors, folder: str | os.PathLike[str], limit: int | None = LIMIT
) -> int:
    """Write vectors and words for the Embedding Projector into a folder.

    projector.tensorflow.org loads `tensors.tsv` and `metadata.tsv`; `tensorboard --logdir FOLDER` finds all by itself.

    Args:
        model: a model or vectors.
        folder: is made if it is not there.
        limit: at most this many words, the first ones, which in a model are the most frequent; None for all.

    Returns:
        The number of words written. Tabs and line ends within words are written as spaces, since they end columns and
        rows.

    Raises:
        TypeError, ValueError: a word cannot be a text; there is no word; or `limit` is less than 1.
        OSError: the folder cannot be written.
    """
    if limit is not None:
        check_at_least(1, limit=limit)
    vectors = vectors_of(model)
    words = [" ".join(text.splitlines()).replace("\t", " ") for text in texts_of(vectors)[:limit]]
    table = table_of(vectors)[: len(words)]
    with writing(folder, FILES) as temporary:
        np.savetxt(os.path.join(temporary, FILES[0]), table, fmt="%.7g", delimiter="\t")
        with open(os.path.join(temporary, FILES[1]), "w", encoding="utf-8", newline="\n") as file:
            if "count" in vectors.expandos:
                # The Projector takes the first line for names where there is more than one column.
                file.write("word\tcount\n")
                counts = vectors.expandos["count"][: len(words)].tolist()
                file.writelines(f"{word}\t{count}\n" for word, count in zip(words, counts, strict=True))
            else:
                file.writelines(f"{word}\n" for word in words)
        with open(os.path.join(temporary, FILES[2]), "w", encoding="utf-8") as file:
            file.write(_CONFIG)
    return len(words)
