from __future__ import annotations

from pathlib import Path

import pytest
from gensim.test.utils import datapath
from gensim.utils import simple_preprocess


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of some 60,000 words, one sentence per line."""
    path = tmp_path_factory.mktemp("corpus") / "lee.txt"
    with open(datapath("lee_background.cor"), encoding="utf8") as lines:
        path.write_text("".join(" ".join(simple_preprocess(line)) + "\n" for line in lines), encoding="utf8")
    return path
