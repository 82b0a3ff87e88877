"""Vectors in the forms that other libraries read: PyTorch, TensorBoard, sentence-transformers, model2vec, usearch.

Every function takes a model or gensim's `KeyedVectors`. Files are replaced as `torch_w2v.files.replacing` says: a
failure or an interrupt leaves what was there before.
"""

from torch_w2v.export.embedding import save_embedding, to_embedding, to_embedding_bag
from torch_w2v.export.hub import save_hub_folder
from torch_w2v.export.index import IndexReport, save_index
from torch_w2v.export.projector import save_projector
from torch_w2v.export.sentence_model import save_static_embedding

__all__ = [
    "IndexReport",
    "save_embedding",
    "save_hub_folder",
    "save_index",
    "save_projector",
    "save_static_embedding",
    "to_embedding",
    "to_embedding_bag",
]
