"""The one operator that every engine implements: train on one chunk of tokens, in place.

`operators` registers each implementation as `torch.ops.torch_w2v.<engine>` with this signature. Training calls the
functions themselves: the first call through torch's dispatcher imports a second's worth of compiler. Nothing here
needs torch, and neither does the CPU's engine: it takes arrays where the others take tensors, and gives one.
"""

# The columns of what an implementation returns: float64, shape (3,), on the CPU.
KEPT, LOSS, PAIRS = range(3)

SCHEMA = (
    "(Tensor(a!) inputs, Tensor(b!) outputs, Tensor tokens, Tensor offsets, int begin, int end, int position, "
    "float alpha_begin, float alpha_end, Tensor keep, Tensor noise, Tensor input_scale, Tensor output_scale, "
    "int token_stream, int noise_stream, int window, int negative, bool cbow_mean, bool exact_gradient, "
    "bool shrink_windows, bool compute_loss, int T, int S, int N, int B, int G, bool fresh) -> Tensor"
)
"""
    inputs: (V, D) context rows, gensim's `wv.vectors`; outputs: (V, D), gensim's `syn1neg`; both updated in place.
    tokens: (n,) int32 rows, -1 for words outside the vocabulary; offsets: (m + 1,) int64 sentence edges, 0 to n.
    begin, end: the tokens to train on; those outside are only context (a sentence longer than a chunk).
    position: place of tokens[0] in the corpus, which the draws are made from.
    alpha_begin, alpha_end: learning rate at tokens[begin] and tokens[end]; linear in between, one value per block.
    The rest: `plan.TrainingPlan`.
    Returns (3,) float64 on the CPU: kept words, summed loss (natural log), summed weight of (target, sample) pairs;
    the last two are 0 unless compute_loss.
"""
