"""From files, lists and iterables to chunks of token ids."""

from torch_w2v.corpus.cache import CorpusCache
from torch_w2v.corpus.chunks import Chunk, cut_into_chunks
from torch_w2v.corpus.columns import Column, column_of, split_texts
from torch_w2v.corpus.encoded_file import EncodedFile, is_encoded
from torch_w2v.corpus.sources import CorpusFile, Opened, files, is_static, paths_of
from torch_w2v.corpus.text import Text
from torch_w2v.corpus.types import Corpus, NoWordsError, RowError, Sentence

__all__ = [
    "Chunk",
    "Column",
    "Corpus",
    "CorpusCache",
    "CorpusFile",
    "EncodedFile",
    "NoWordsError",
    "Opened",
    "RowError",
    "Sentence",
    "Text",
    "column_of",
    "cut_into_chunks",
    "files",
    "is_encoded",
    "is_static",
    "paths_of",
    "split_texts",
]
