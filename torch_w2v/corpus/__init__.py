"""From files, lists and iterables to chunks of token ids."""

from torch_w2v.corpus.chunks import Chunk, cut_into_chunks
from torch_w2v.corpus.counting import Scan
from torch_w2v.corpus.encoded_file import EncodedFile, is_encoded
from torch_w2v.corpus.reader import Reader, encode, joined, rows_in, scan
from torch_w2v.corpus.sources import files, is_static, native, paths_of, same
from torch_w2v.corpus.store import CACHES, Encoded
from torch_w2v.corpus.text import Text

__all__ = [
    "CACHES", "Chunk", "Encoded", "EncodedFile", "Reader", "Scan", "Text", "cut_into_chunks", "encode", "files", "is_encoded",
    "is_static", "joined", "native", "paths_of", "rows_in", "same", "scan",
]  # fmt: skip
