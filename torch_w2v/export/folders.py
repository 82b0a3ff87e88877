"""Folders of files that are written as one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import numpy as np
from gensim.models import KeyedVectors

from torch_w2v.files import path_of, replacing


@contextmanager
def writing(folder: str | os.PathLike[str], names: Sequence[str]) -> Iterator[str]:
    """Write files into a folder, which is made if it is not there, so that they are replaced as one.

    Other files in the folder stay as they are.

    Args:
        folder: whose parent exists.
        names: of the files. The first is the one that readers need; it is moved away first and put in place last, so
            that they never find it beside files of an older export. The others have longer names, by which
            `staging.recover` tells them apart.

    Yields:
        The path of another folder, to write all of them to.

    Raises:
        OSError: the folder or a file cannot be written.
    """
    main, *others = names
    assert all(len(name) > len(main) for name in others)
    path = path_of(folder)
    is_new = not os.path.isdir(path)
    if is_new:
        os.mkdir(path)
    try:
        with replacing(os.path.join(path, main)) as temporary:
            yield os.path.dirname(temporary)
    except BaseException:
        if is_new:
            with suppress(OSError):  # something is in it
                os.rmdir(path)
        raise


def table_of(vectors: KeyedVectors) -> np.ndarray:
    """Return the table of vectors (V, D), contiguous.

    Raises:
        ValueError: there are no words.
    """
    if not len(vectors.index_to_key):
        raise ValueError("there are no words to export: the model has no vocabulary yet")
    return np.ascontiguousarray(vectors.vectors[: len(vectors.index_to_key)])
