"""Callbacks for training: a history, evaluation after each epoch, early stopping, TensorBoard.

They are gensim's callbacks, and work with gensim's own class too. In a list, `Evaluate` comes before what uses its
values.

    callbacks = [Evaluate(pairs="pairs.tsv"), EarlyStopping("pairs", patience=3), History()]
    model = Word2Vec(corpus_file="corpus.txt", epochs=30, callbacks=callbacks)

A callback of your own may have a method `on_progress(model, progress)`, which is called several times per second while
torch_w2v trains, with a `torch_w2v.training.watching.Progress`; the vectors must not be looked at then.
"""

from torch_w2v.callbacks.early_stopping import EarlyStopping, stop_training
from torch_w2v.callbacks.evaluate import Evaluate
from torch_w2v.callbacks.history import History
from torch_w2v.callbacks.tensorboard import TensorBoard
from torch_w2v.training.divergence import StopTraining

__all__ = ["EarlyStopping", "Evaluate", "History", "StopTraining", "TensorBoard", "stop_training"]
