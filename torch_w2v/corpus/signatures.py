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
