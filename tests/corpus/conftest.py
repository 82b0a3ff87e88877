from collections import Counter
from pathlib import Path

import gensim.utils
import pytest

from tests.corpus.forms import SENTENCES
from tests.helpers import ENGINES, ours
from torch_w2v.corpus import sources, text


@pytest.fixture(scope="session")
def from_list():
    """For each engine, the model that every form of the corpus must give."""
    return {engine: ours(SENTENCES, engine) for engine in ENGINES}


@pytest.fixture
def opened(monkeypatch):
    """How often each file was opened, by name."""
    count = Counter()

    def counting(opener):
        def open_and_count(uri, *args, **kwargs):
            count[Path(uri).name] += 1
            return opener(uri, *args, **kwargs)

        return open_and_count

    monkeypatch.setattr(text, "open_bytes", counting(text.open_bytes))
    monkeypatch.setattr("gensim.utils.open", counting(gensim.utils.open))
    # What counts passes for gensim's own.
    monkeypatch.setattr(sources, "_reads_as_gensim", lambda _: True)
    return count
