"""From files, lists and iterables to chunks of token ids."""

from torch_w2v.corpus.cache import CorpusCache
from torch_w2v.corpus.chunks import Chunk, cut_into_chunks
from torch_w2v.corpus.encoded_file import EncodedFile, is_encoded
from torch_w2v.corpus.sources import CorpusFile, files, is_static, paths_of
from torch_w2v.corpus.text import Text
from torch_w2v.corpus.types import Corpus, Sentence

__all__ = [
    "Chunk",
    "Corpus",
    "CorpusCache",
    "CorpusFile",
    "EncodedFile",
    "Sentence",
    "Text",
    "cut_into_chunks",
    "files",
    "is_encoded",
    "is_static",
    "paths_of",
]
