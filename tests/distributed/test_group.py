"""What a rank does with errors: its own are raised as they are, those of an exchange are another rank's."""

import pytest

from torch_w2v.distributed.group import Group


@pytest.fixture
def group():
    dist = pytest.importorskip("torch.distributed")
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield Group()
    dist.destroy_process_group()


@pytest.mark.parametrize(
    "error", [OSError("/corpora/gloo/one.txt is missing"), RuntimeError("gloo"), KeyboardInterrupt()]
)
def test_an_error_of_its_own_is_raised_as_it_is(group, error):
    with pytest.raises(type(error)) as caught, group.together():
        raise error
    assert caught.value is error
    assert caught.value.__cause__ is None


def test_an_exchange_that_fails_is_an_error_of_another_rank(group):
    with pytest.raises(RuntimeError, match="rank 0: another rank is gone"), group.together(), group._exchanging():
        raise RuntimeError("Connection closed by peer")


def test_an_error_of_an_earlier_call_is_forgotten(group):
    with pytest.raises(OSError, match="the first"), group.together():
        raise OSError("the first")
    second = Group()
    with pytest.raises(RuntimeError, match="another rank is gone"), second.together(), second._exchanging():
        raise RuntimeError("Connection closed by peer")


def test_the_error_of_another_rank_is_told(group):
    group._tell(OSError("disk on fire"))
    group._tell(OSError("what follows from it"))
    with (
        pytest.raises(RuntimeError, match="rank 0 failed: OSError: disk on fire"),
        group.together(),
        group._exchanging(),
    ):
        raise RuntimeError("Connection closed by peer")


@pytest.mark.parametrize("value", [b"", b"abc"])
def test_swap(group, value):
    assert group.swap([value]) == [value]


def test_ranks_that_cannot_come_together(group, monkeypatch):
    def refused(**options):
        raise RuntimeError("Connection reset by peer")

    monkeypatch.setattr("torch.distributed.new_group", refused)
    with pytest.raises(RuntimeError, match=r"rank 0: another rank is gone, or cannot be reached.*reset by peer"):
        Group()
