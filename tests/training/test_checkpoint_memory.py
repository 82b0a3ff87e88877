"""What checkpoints need of memory."""

import tracemalloc

from tests.helpers import ours


def test_there_is_no_second_copy_of_the_tables(tmp_path):
    """Neither when a checkpoint is written nor when it is read: 32 MB of tables, pieces of 4 MB."""
    vocabulary = [[str(i) for i in range(40_000)]]

    def peak(**options):
        model = ours(vector_size=100, epochs=1)
        model.build_vocab(vocabulary)
        tracemalloc.start()
        model.train(vocabulary, total_examples=1, epochs=1, **options)
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    without = peak()
    assert peak(checkpoint=tmp_path / "c", checkpoint_every=0) < without + 14e6
    assert peak(checkpoint=tmp_path / "c") < 20e6
