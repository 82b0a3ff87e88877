import sys

import numpy as np
import pytest

from torch_w2v.system import PeakMemory


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")
def test_peak_memory_is_that_of_the_block():
    with PeakMemory() as peak:
        np.ones(8_000_000)
    assert 60e6 < peak.bytes < 80e6
    with PeakMemory() as peak:
        pass
    assert peak.bytes < 10e6
