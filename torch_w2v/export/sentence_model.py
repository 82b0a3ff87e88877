"""Vectors as a model of sentences: one folder that both sentence-transformers and model2vec load."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from gensim.models import KeyedVectors
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v import arrays
from torch_w2v.export.folders import table_of, writing
from torch_w2v.formats import texts_of, vectors_of

FILES = ("config.json", "modules.json", "tokenizer.json", "model.safetensors")
# How text becomes words -> the pre-tokenizer of Hugging Face's tokenizers that does it.
SPLITS = {"whitespace": "WhitespaceSplit", "punctuation": "Whitespace"}


def save_static_embedding(
    model: PlainWord2Vec | KeyedVectors,
    folder: str | os.PathLike[str],
    lowercase: bool = False,
    split: str = "whitespace",
) -> None:
    """Write a folder that `SentenceTransformer(folder)` and model2vec's `StaticModel.from_pretrained(folder)` load.

    The vector of a text is the mean of the vectors of its words. Words outside the vocabulary have a vector of zeros:
    model2vec leaves them out of the mean; in sentence-transformers they shorten it, but do not turn it, so that cosines
    are the same.

    Args:
        model: a model or vectors, of V words and D dimensions. In the folder there is one row more, for unknown words.
        folder: is made if it is not there.
        lowercase: change texts to lower case, for words that were trained in lower case.
        split: 'whitespace', as files are split for training; or 'punctuation', which separates punctuation from words.

    Raises:
        ValueError: `split` is neither, or a word cannot be a text.
        TypeError: a word cannot be a text.
        ImportError: safetensors is not installed; the message has the command that installs it.
        OSError: the folder cannot be written.
    """
    if split not in SPLITS:
        raise ValueError(f"split={split!r}: must be one of {', '.join(map(repr, SPLITS))}")
    arrays.check_safetensors()  # before the work
    vectors = vectors_of(model)
    words, table = texts_of(vectors), table_of(vectors)
    rows = np.concatenate([table, np.zeros((1, table.shape[1]), table.dtype)])
    unknown = "[UNK]"
    while unknown in vectors.key_to_index:
        unknown = f"[{unknown}]"
    documents = {
        "config.json": _config(table),
        "modules.json": [{"idx": 0, "name": "0", "path": ".", "type": "sentence_transformers.models.StaticEmbedding"}],
        "tokenizer.json": _tokenizer([*words, unknown], unknown, lowercase, split),
    }
    with writing(folder, FILES) as temporary:
        for name, document in documents.items():
            with open(os.path.join(temporary, name), "w", encoding="utf-8") as file:
                json.dump(document, file, ensure_ascii=False)
        arrays.write_safetensors({"embeddings": rows}, os.path.join(temporary, "model.safetensors"))


def _config(table: np.ndarray) -> dict[str, Any]:
    """Return model2vec's configuration."""
    return {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "hidden_dim": table.shape[1],
        "normalize": False,
        "embedding_dtype": table.dtype.name,
    }


def _tokenizer(words: list[str], unknown: str, lowercase: bool, split: str) -> dict[str, Any]:
    """Return a tokenizer of whole words as Hugging Face's tokenizers reads it; the id of a word is its row."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"} if lowercase else None,
        "pre_tokenizer": {"type": SPLITS[split]},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {word: row for row, word in enumerate(words)}, "unk_token": unknown},
    }
