"""Compare the quality with gensim's: measures, verdicts, and a report."""

from torch_w2v.compare.comparison import compare
from torch_w2v.compare.gold import SHIPPED, Gold, analogies_file, pairs_file
from torch_w2v.compare.results import Comparison, Run
from torch_w2v.compare.verdict import Verdict

__all__ = ["SHIPPED", "Comparison", "Gold", "Run", "Verdict", "analogies_file", "compare", "pairs_file"]
