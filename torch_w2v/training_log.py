"""The logger of training."""

from __future__ import annotations

import logging

# That of the class, whichever module does the work: whoever has set a level, a filter or a handler for
# `gensim.models.word2vec` sets the same for `torch_w2v.word2vec`, and has what any module says of a
# training.
logger = logging.getLogger("torch_w2v.word2vec")
