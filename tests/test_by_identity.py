"""What is remembered of objects, by identity."""

import gc

from torch_w2v.by_identity import ByIdentity


class Equal:
    """Equal to every other, and without a hash."""

    def __eq__(self, other):
        return True

    __hash__ = None


def test_equal_objects_have_entries_of_their_own():
    entries, one, other = ByIdentity(), Equal(), Equal()
    entries.set(one, 1)
    assert entries.get(other) is None
    entries.set(other, 2)
    entries.set(one, 3)
    assert (entries.get(one), entries.get(other)) == (3, 2)
    entries.clear()
    assert entries.get(one) is None


def test_objects_that_are_gone_have_no_entry():
    entries, stays = ByIdentity(), Equal()
    entries.set(stays, "stays")
    for number in range(1000):
        passing = Equal()
        assert entries.get(passing) is None, "the entry of one that had the same place in memory"
        entries.set(passing, number)
    del passing
    gc.collect()
    assert len(entries._entries) == 1
    assert entries.get(stays) == "stays"
