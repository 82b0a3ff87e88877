"""A call of several ranks that ends anywhere goes on from its checkpoint, with as many ranks or with others."""

import json

import numpy as np
import pytest
from gensim.models.callbacks import CallbackAny2Vec

from tests.distributed.thread_group import run_ranks
from tests.helpers import CountingCorpus, KilledError, same, topics
from torch_w2v import Word2Vec
from torch_w2v.callbacks import EarlyStopping
from torch_w2v.engines.cpu.engine import CpuEngine
from torch_w2v.training import checkpoint_file

# Exchanges that have all rows, and so checkpoints, before the end of the first epoch and of any other.
FIRST, OTHERS = 8, 4
SENTENCES = topics(900)
OPTIONS = {"vector_size": 16, "window": 3, "min_count": 1, "epochs": 3, "workers": 1, "seed": 7, "sample": 0.01}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.checkpoint"


def corpora(folder):
    """Return, by the name of a form, functions that return a rank's arguments that name the corpus."""
    text = folder / "corpus.txt"
    text.write_text("".join(" ".join(sentence) + "\n" for sentence in SENTENCES))

    def part(group):
        return SENTENCES[group.rank * 900 // group.size : (group.rank + 1) * 900 // group.size]

    return {
        "file": lambda _: {"corpus_file": text},
        "list": lambda _: {"sentences": SENTENCES},
        "iterable": lambda group: {"sentences": CountingCorpus(part(group)), "shard": "given"},
        # The second rank has no words, and the first one none in the first intervals of an epoch.
        "unlike": lambda group: {"sentences": [[["a0", "a1"] * 700], [], SENTENCES][group.rank], "shard": "given"},
    }


def train(size, corpus, **options):
    return run_ranks(size, lambda group: Word2Vec(**corpus(group), **{**OPTIONS, **options}, distributed=group))


def whole_list(_):
    return {"sentences": SENTENCES}


def assert_equal_on_all_ranks(models):
    for model in models:
        assert same(model, models[0])
        assert model.training_losses == models[0].training_losses
        assert model.train_count == 1


@pytest.mark.parametrize(
    ("form", "size"),
    [("file", 2), ("unlike", 3), *(pytest.param(form, 2, marks=pytest.mark.slow) for form in ("list", "iterable"))],
)
def test_as_many_ranks_end_with_the_same_bits(form, size, tmp_path, path, killed_after):
    """Also where the call is killed within an epoch, at the end of one, and more than once."""
    corpus, options = corpora(tmp_path)[form], {"compute_loss": True}
    whole = train(size, corpus, **options)
    for n in (3, FIRST - 3, 2, OTHERS - 1):
        killed_after(n)
        with pytest.raises(KilledError):
            train(size, corpus, **options, checkpoint=path, checkpoint_every=0)
    killed_after(10**6)
    resumed = train(size, corpus, **options, checkpoint=path, checkpoint_every=0)
    assert_equal_on_all_ranks(resumed)
    assert same(resumed[0], whole[0])
    assert resumed[0].training_losses == whole[0].training_losses
    assert resumed[0].get_latest_training_loss() == whole[0].get_latest_training_loss()
    assert resumed[0].min_alpha_yet_reached == whole[0].min_alpha_yet_reached
    # A call that has ended gives all ranks its tables.
    again = train(size, corpus, **options, checkpoint=path)
    assert all(same(model, whole[0]) for model in again)


@pytest.mark.parametrize(("before", "after", "n"), [(1, 3, 5), (2, 3, FIRST + 1), (3, 1, FIRST + 2)])
def test_another_number_of_ranks_goes_on(before, after, n, path, killed_after, monkeypatch):
    """Within an epoch, at the end of one, and in a later one; with other workers, which have other chunks.

    Another factor of the number of exchanges holds from the next epoch on: the places of exchanges stand for words.
    """
    killed_after(n)
    with pytest.raises(KilledError):
        train(before, whole_list, compute_loss=True, checkpoint=path, checkpoint_every=0)
    killed_after(10**6)
    with np.load(path) as checkpoint:
        manifest = json.loads(checkpoint["manifest.json"])
    done = manifest["progress"]["totals"]["raw_words"] if manifest["stage"] == "train" else 0
    assert len(manifest["parts"]) == before
    whole = train(before, whole_list, compute_loss=True)
    monkeypatch.setenv("TORCH_W2V_EXCHANGES", "0.5")
    chunks, train_chunk = [], CpuEngine.train
    monkeypatch.setattr(CpuEngine, "train", lambda *call: chunks.append(call[2]) or train_chunk(*call))
    resumed = train(after, whole_list, compute_loss=True, workers=2, checkpoint=path, checkpoint_every=0)
    epochs = 3 - manifest["progress"]["epoch"] - (manifest["stage"] != "train")
    remaining = epochs * sum(map(len, SENTENCES)) - done
    # The place of an exchange is that of a sentence in each rank's part.
    assert sum(chunk.end - chunk.begin for chunk in chunks) == pytest.approx(remaining, abs=6 * (before + after))
    assert_equal_on_all_ranks(resumed)
    assert (done > 0) == (n != FIRST + 1)
    assert len(resumed[0].training_losses) == 3
    assert resumed[0].training_losses == pytest.approx(whole[0].training_losses, rel=0.1)
    assert {word[0] for word, _ in resumed[0].wv.most_similar("a0", topn=5)} == {"a"}


class Counting(CallbackAny2Vec):
    def __init__(self):
        self.begins, self.ends, self.alphas = 0, 0, []

    def on_epoch_begin(self, model):
        self.begins += 1

    def on_epoch_end(self, model):
        self.ends += 1
        self.alphas.append(model.alpha)
        # There are more exchanges at a larger rate.
        model.alpha *= 4


@pytest.mark.parametrize("n", [*(pytest.param(n, marks=pytest.mark.slow) for n in (2, FIRST + 1)), FIRST + 5])
def test_callbacks_go_on_too(n, path, killed_after):
    """They are called on the first rank; what they change is changed on the others, too."""

    def program(group, callback, **options):
        callbacks = [callback] if group.rank == 0 else []
        return Word2Vec(SENTENCES, **OPTIONS, **options, callbacks=callbacks, distributed=group)

    once, last = Counting(), Counting()
    whole = run_ranks(2, lambda group: program(group, once))
    killed_after(n)
    with pytest.raises(KilledError):
        run_ranks(2, lambda group: program(group, Counting(), checkpoint=path, checkpoint_every=0))
    killed_after(10**6)
    resumed = run_ranks(2, lambda group: program(group, last, checkpoint=path, checkpoint_every=0))
    assert_equal_on_all_ranks(resumed)
    assert same(resumed[0], whole[0])
    assert vars(last) == vars(once)


def test_early_stopping_goes_on(path, killed_after):
    values = iter([3.0, 1.0, 2.0, 3.0, 3.0])

    def program(group):
        stopping = EarlyStopping(lambda _: next(values), patience=2, mode="min")
        options = {**OPTIONS, "epochs": 8}
        callbacks = [stopping] if group.rank == 0 else []
        model = Word2Vec(
            SENTENCES, **options, callbacks=callbacks, checkpoint=path, checkpoint_every=0, distributed=group
        )
        return model, stopping.best_epoch

    killed_after(FIRST + 2 * OTHERS + 4)
    with pytest.raises(KilledError):
        run_ranks(2, program)
    killed_after(10**6)
    results = run_ranks(2, program)
    assert results[0][1] == 2
    assert all(same(model, results[0][0]) for model, _ in results)
    assert len(results[0][0].training_losses) == 4


def test_a_checkpoint_of_another_call_is_refused_on_all_ranks(path, killed_after):
    killed_after(FIRST + 2)
    with pytest.raises(KilledError):
        train(2, whole_list, checkpoint=path, checkpoint_every=0)
    killed_after(10**6)
    before = path.read_bytes()
    for options, message in (({"window": 4}, "window: 3 in the checkpoint, 4"), ({"seed": 8}, "seed: 7 in")):
        with pytest.raises(ValueError, match=message):
            train(2, whole_list, checkpoint=path, **options)
    # the same words, in another order on one rank
    others = [*SENTENCES[:460], SENTENCES[461], SENTENCES[460], *SENTENCES[462:]]
    with pytest.raises(ValueError, match="corpus: its first"):
        train(2, lambda _: {"sentences": others}, checkpoint=path)
    with pytest.raises(ValueError, match="distributed: True in the checkpoint, False in this call"):
        Word2Vec(SENTENCES, **OPTIONS, checkpoint=path)
    assert path.read_bytes() == before
    Word2Vec(SENTENCES, **OPTIONS, checkpoint=path.with_name("alone"))
    with pytest.raises(ValueError, match="distributed: False in the checkpoint, True in this call"):
        train(2, whole_list, checkpoint=path.with_name("alone"))


def test_all_ranks_or_none_have_a_checkpoint(path):
    def program(group):
        return Word2Vec(SENTENCES, **OPTIONS, checkpoint=path if group.rank else None, distributed=group)

    with pytest.raises(ValueError, match="checkpoint: given on rank 1, but not on rank 0"):
        run_ranks(2, program)


def test_only_the_first_rank_needs_the_folder(tmp_path):
    def program(group):
        path = tmp_path / ("missing" if group.rank else ".") / "run.checkpoint"
        return Word2Vec(SENTENCES, **OPTIONS, checkpoint=path, distributed=group)

    assert_equal_on_all_ranks(run_ranks(2, program))
    assert (tmp_path / "run.checkpoint").exists()


@pytest.mark.filterwarnings("ignore:no checkpoint was written")
def test_a_checkpoint_that_cannot_be_written_stops_nobody(path, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(checkpoint_file, "write", full)
    assert_equal_on_all_ranks(train(2, whole_list, checkpoint=path, checkpoint_every=0))
