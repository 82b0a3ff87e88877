"""Sizes of the tiles in which the GPU kernels work."""


def power(n: int) -> int:
    """Return the smallest power of two that is no less than `n`, and 16 at least: tensor cores multiply 16 rows."""
    return max(16, 1 << (n - 1).bit_length())
