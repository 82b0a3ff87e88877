"""Vectors whose cosines are known."""

import numpy as np
from gensim.models import KeyedVectors


def on_a_circle(angles):
    """Words w0, w1, … on the unit circle."""
    vectors = KeyedVectors(2)
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    vectors.add_vectors([f"w{i}" for i in range(len(angles))], rows)
    return vectors
