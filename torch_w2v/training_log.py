"""The logger of training."""

from __future__ import annotations

import logging

# That of the class, whichever module does the work: who sets a level, a filter or a handler for `torch_w2v.word2vec`,
# as for `gensim.models.word2vec`, has all that is logged about a training.
logger = logging.getLogger("torch_w2v.word2vec")
