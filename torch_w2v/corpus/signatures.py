"""What files begin with that are no text."""

from __future__ import annotations

import zipfile

from torch_w2v.files import path_of

# The first byte of `ENCODED` is not UTF-8, so no text is taken for a .w2v file. The line ends in it change where a
# transfer converts line ends, so such a file is refused.
ENCODED = b"\x93W2V\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
# A checkpoint is a zip file with this file in it, which begins with what it is.
CHECKPOINT, MANIFEST = "torch_w2v checkpoint", "manifest.json"
# What files begin with that smart_open, or pyarrow, reads by the suffix of their names.
_BY_SUFFIX = (
    (b"\x1f\x8b", ".gz"),
    (b"BZh", ".bz2"),
    (b"\xfd7zXZ", ".xz"),
    (b"\x28\xb5\x2f\xfd", ".zst"),
    (b"PAR1", ".parquet"),
)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def suffix_of(begin: bytes) -> str | None:
    """Return the suffix by which a file is read that begins so; None where it is text, or unknown."""
    return next((suffix for magic, suffix in _BY_SUFFIX if begin.startswith(magic)), None)


def why_no_text(path: str) -> str:
    """Return what a local file is that is not UTF-8, and what to do, as the end of a sentence; '' if that is unknown.

    Raises:
        OSError: it cannot be read.
    """
    if kind_of(path) == "checkpoint":
        return ", but this is a checkpoint of torch_w2v: move it out of the corpus"
    with open(path_of(path), "rb") as file:
        begin = file.read(8)
    suffix = suffix_of(begin)
    if suffix is not None and not path.endswith(suffix):
        return f", but this begins as a {suffix} file does: give it that suffix"
    if begin.startswith(_UTF_16):
        return ", but this begins as UTF-16 does: convert it (iconv -f UTF-16 -t UTF-8)"
    return ""


def kind_of(path: str) -> str | None:
    """Return what a local file is, where that is no text.

    Args:
        path: of the file.

    Returns:
        'encoded' for a file that begins as a .w2v file, 'checkpoint' for a checkpoint of training, otherwise None.

    Raises:
        OSError: it cannot be read.
    """
    with open(path_of(path), "rb") as file:
        begin = file.read(len(ENCODED))
        if begin == ENCODED:
            return "encoded"
        return "checkpoint" if begin.startswith(_ZIP) and _is_checkpoint(file.name) else None


def _is_checkpoint(path: str) -> bool:
    try:
        with zipfile.ZipFile(path) as file, file.open(MANIFEST) as manifest:
            return CHECKPOINT.encode() in manifest.read(1 << 8)
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, RuntimeError, EOFError):
        return False
