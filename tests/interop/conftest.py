from __future__ import annotations

import pytest

from tests.helpers import ours, topics
from torch_w2v import Word2Vec


@pytest.fixture(scope="session")
def model() -> Word2Vec:
    """A model of two topics, whose words are a0 to a7 and b0 to b7."""
    return ours(topics(200), epochs=20)
