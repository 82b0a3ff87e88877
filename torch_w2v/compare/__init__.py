"""Is the quality that of gensim? Measures, verdicts, and a report of a comparison."""

from torch_w2v.compare.comparison import Comparison, Run, compare
from torch_w2v.compare.measures import Gold, analogies_file, pairs_file

__all__ = ["Comparison", "Gold", "Run", "analogies_file", "compare", "pairs_file"]
