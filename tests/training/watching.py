"""A callback for tests: it notes the moments at which gensim calls it, and what it finds there."""

from gensim.models.callbacks import CallbackAny2Vec


class Watching(CallbackAny2Vec):
    """Notes gensim's four moments, and what functions of the model return at two of them.

    Attributes:
        seen: the moments, in order.
        results: what `at_epoch_end` returned, epoch by epoch.
    """

    def __init__(self, at_epoch_end=None, at_epoch_begin=None):
        self.seen, self.results = [], []
        self.at_epoch_end, self.at_epoch_begin = at_epoch_end, at_epoch_begin

    def on_train_begin(self, model):
        self.seen.append("train begins")

    def on_epoch_begin(self, model):
        self.seen.append("epoch begins")
        if self.at_epoch_begin:
            self.at_epoch_begin(model)

    def on_epoch_end(self, model):
        self.seen.append("epoch ends")
        if self.at_epoch_end:
            self.results.append(self.at_epoch_end(model))

    def on_train_end(self, model):
        self.seen.append("train ends")
