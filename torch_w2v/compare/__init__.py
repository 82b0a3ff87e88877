"""Compare the quality with gensim's: measures, verdicts, and a report."""

from torch_w2v.compare.comparison import compare
from torch_w2v.compare.gold import Gold, analogies_file, pairs_file
from torch_w2v.compare.results import Comparison, Run

__all__ = ["Comparison", "Gold", "Run", "analogies_file", "compare", "pairs_file"]
