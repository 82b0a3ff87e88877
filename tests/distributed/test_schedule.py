import numpy as np
import pytest

from torch_w2v.distributed.schedule import doubt, exchange_factor, exchanges_per_epoch, interval_ends, rows_to_exchange


def test_the_number_of_exchanges_grows_slowly_with_the_corpus():
    assert [exchanges_per_epoch(words) for words in (10, 2e6, 6e6, 17e6, 1e9)] == [20, 20, 30, 43, 177]


def test_a_large_alpha_has_more_exchanges():
    assert [exchanges_per_epoch(10, alpha) for alpha in (0, 0.01, 0.025, 0.05, -0.1, 1e30)] == [20, 20, 20, 40, 80, 80]


def test_the_environment_has_a_factor(monkeypatch):
    assert exchange_factor() == 1
    for text, factor, exchanges in (("2", 2, 40), ("0.5", 0.5, 10), ("", 1, 20), ("0.1", 0.1, 2)):
        monkeypatch.setenv("TORCH_W2V_EXCHANGES", text)
        assert exchange_factor() == factor
        assert exchanges_per_epoch(10, factor=factor) == exchanges


@pytest.mark.parametrize("text", ["0", "-1", "17", "many", "nan", "1e99"])
def test_a_factor_out_of_range_is_refused(text, monkeypatch):
    monkeypatch.setenv("TORCH_W2V_EXCHANGES", text)
    with pytest.raises(ValueError, match=f"TORCH_W2V_EXCHANGES='{text}': must be a factor from 0.1 to 16"):
        exchange_factor()


@pytest.mark.parametrize(
    ("alpha", "repetition", "V", "reason"),
    [(0.025, 8, 1000, None), (0.05, 280, 1000, "an alpha of at most 0.036"), (0.025, 8, 4, "has 4 words only")],
)
def test_where_several_ranks_may_be_worse_than_one(alpha, repetition, V, reason):
    assert doubt(alpha, repetition, V) is None if reason is None else reason in doubt(alpha, repetition, V)


@pytest.mark.parametrize("exchanges", [20, 43, 177])
def test_intervals_grow_in_the_first_epoch_and_are_even_afterwards(exchanges):
    first, second = (np.array(interval_ends(epoch, exchanges)) for epoch in (0, 1))
    for ends in (first, second):
        lengths = np.diff(ends, prepend=0)
        assert ends[-1] == 1
        assert (lengths > 0).all()
        assert lengths.max() < 1.51 / exchanges
    assert len(second) == exchanges
    assert first[0] == pytest.approx(1 / exchanges / 32)
    assert exchanges + 10 < len(first) < exchanges + 20
    assert np.diff(np.diff(first[:15])).min() >= -1e-12


def test_frequent_rows_are_exchanged_always_and_all_rows_every_fourth_time():
    rows = [rows_to_exchange(number, False, 900, is_sorted=True) for number in range(1, 9)]
    assert rows == [100, 200, 100, 900, 100, 200, 100, 900]
    assert rows_to_exchange(1, True, 900, is_sorted=True) == 900
    assert rows_to_exchange(1, False, 900, is_sorted=False) == 900
    assert rows_to_exchange(2, False, 1, is_sorted=True) == 1
