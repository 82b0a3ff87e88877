"""Vectors as PyTorch's `nn.Embedding` and `nn.EmbeddingBag`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import numpy as np
from gensim.models import KeyedVectors
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v.export.folders import table_of, writing
from torch_w2v.formats import texts_of, vectors_of

if TYPE_CHECKING:
    from torch import Tensor, nn

FILES = ("embedding.pt", "vocabulary.json")


def to_embedding(model: PlainWord2Vec | KeyedVectors, freeze: bool = True, padding: bool = False) -> nn.Embedding:
    """Return vectors as an `nn.Embedding`; the row of a word is `model.wv.key_to_index[word]`.

    Args:
        model: a model or vectors, of V words and D dimensions.
        freeze: whether the weights stay as they are when a network is trained.
        padding: add a row of zeros at the end, V, as `padding_idx`.

    Returns:
        An embedding with a copy of the table: (V, D), or (V + 1, D) with padding, of the dtype of the vectors.
    """
    from torch import nn  # noqa: PLC0415  torch takes a second to import

    vectors = vectors_of(model)
    padding_idx = len(vectors) if padding else None
    return nn.Embedding.from_pretrained(_weight(vectors, padding), freeze=freeze, padding_idx=padding_idx)


def to_embedding_bag(
    model: PlainWord2Vec | KeyedVectors, mode: str = "mean", freeze: bool = True, padding: bool = False
) -> nn.EmbeddingBag:
    """Return vectors as an `nn.EmbeddingBag`, which pools the vectors of several words.

    Args:
        model, freeze, padding: as for `to_embedding`; the padding row does not count in a mean.
        mode: 'mean', 'sum' or 'max': what is taken of the vectors.

    Returns:
        An embedding bag with a copy of the table.

    Raises:
        ValueError: the mode is none of these.
    """
    from torch import nn  # noqa: PLC0415  torch takes a second to import

    if mode not in ("mean", "sum", "max"):
        raise ValueError(f"mode={mode!r}: must be 'mean', 'sum' or 'max'")
    vectors = vectors_of(model)
    padding_idx = len(vectors) if padding else None
    return nn.EmbeddingBag.from_pretrained(_weight(vectors, padding), freeze=freeze, mode=mode, padding_idx=padding_idx)


def save_embedding(model: PlainWord2Vec | KeyedVectors, folder: str | os.PathLike[str], padding: bool = False) -> None:
    """Write the state of `to_embedding` and the row of each word into a folder.

    `nn.Embedding(V, D).load_state_dict(torch.load("FOLDER/embedding.pt"))` loads the one (with padding it has V + 1
    rows), `json.load` the other.

    Args:
        model, padding: as for `to_embedding`.
        folder: is made if it is not there.

    Raises:
        TypeError, ValueError: a word cannot be a text.
        OSError: the folder cannot be written.
    """
    import torch  # noqa: PLC0415  takes a second to import

    vectors = vectors_of(model)
    rows = {text: row for row, text in enumerate(texts_of(vectors))}
    with writing(folder, FILES) as temporary:
        state = to_embedding(vectors, padding=padding).state_dict()
        with open(os.path.join(temporary, FILES[0]), "wb") as stream:
            try:
                torch.save(state, stream)
            except RuntimeError as e:
                # torch speaks of a place in the file; why it could not be written is the error before.
                if isinstance(e.__context__, OSError):
                    raise OSError(*e.__context__.args) from e
                raise
        with open(os.path.join(temporary, FILES[1]), "w", encoding="utf-8") as file:
            json.dump(rows, file)


def _weight(vectors: KeyedVectors, padding: bool) -> Tensor:
    """Return a copy of the table, with a row of zeros at the end if it is asked for."""
    import torch  # noqa: PLC0415  takes a second to import

    table = table_of(vectors)
    if padding:
        return torch.from_numpy(np.concatenate([table, np.zeros((1, table.shape[1]), table.dtype)]))
    return torch.from_numpy(table.copy())
