"""What a rank does with errors: its own are raised as they are, those of an exchange are another rank's."""

import os
import threading
from typing import ClassVar

import pytest

from torch_w2v.distributed import group as group_module
from torch_w2v.distributed.group import Group, LostRankError
from torch_w2v.engines import devices


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
    with pytest.raises(RuntimeError, match="rank 0: another rank is gone"), group.together(), group.exchanging():
        raise RuntimeError("Connection closed by peer")


def test_an_error_of_an_earlier_call_is_forgotten(group):
    with pytest.raises(OSError, match="the first"), group.together():
        raise OSError("the first")
    second = Group()
    with pytest.raises(RuntimeError, match="another rank is gone"), second.together(), second.exchanging():
        raise RuntimeError("Connection closed by peer")


def test_the_error_of_another_rank_is_told(group):
    group._tell(OSError("disk on fire"))
    group._tell(OSError("what follows from it"))
    with (
        pytest.raises(RuntimeError, match="rank 0 failed: OSError: disk on fire"),
        group.together(),
        group.exchanging(),
    ):
        raise RuntimeError("Connection closed by peer")


@pytest.mark.parametrize("value", [b"", b"abc"])
def test_swap(group, value):
    assert group.swap([value]) == [value]


def test_ranks_that_cannot_come_together(group, monkeypatch):
    def refused(**options):
        raise RuntimeError("Connection reset by peer")

    monkeypatch.setattr("torch.distributed.new_group", refused)
    with pytest.raises(RuntimeError, match=r"rank 0: .*cannot be reached.*reset by peer.*GLOO_SOCKET_IFNAME"):
        Group()


@pytest.mark.parametrize(
    ("config", "backend"), [("cuda:nccl", "nccl"), ("cpu:gloo,cuda:nccl", "nccl"), ("cpu:gloo,cuda:gloo", None)]
)
def test_tensors_go_by_the_backend_that_the_process_group_has_for_their_device(group, config, backend, monkeypatch):
    monkeypatch.setattr("torch.distributed.get_backend_config", lambda: config)
    assert group.backend_for("cuda:1") == backend
    assert group.backend_for("cpu") is None
    assert group.backend_for("mps") is None


@pytest.mark.parametrize(("built", "backend"), [(True, "nccl"), (False, None)])
def test_a_group_that_a_model_has_joined_has_the_backend_if_torch_was_built_with_it(group, built, backend, monkeypatch):
    dist = pytest.importorskip("torch.distributed")
    monkeypatch.setattr(group_module, "_joined", dist.group.WORLD)
    monkeypatch.setattr("torch.distributed.is_backend_available", lambda name: built)
    assert group.backend_for("cuda:0") == backend


def test_tensors_are_exchanged(group):
    torch = pytest.importorskip("torch")
    from torch_w2v.distributed.tensor_group import TensorGroup  # noqa: PLC0415

    tensors = TensorGroup(group, "gloo")
    parts, into = torch.randn(1, 3, 5).bfloat16(), torch.zeros(1, 3, 5, dtype=torch.bfloat16)
    tensors.meet()
    tensors.swap_parts(parts, into)
    assert torch.equal(into, parts)
    tensors.gather_parts(2 * parts[0], into)
    assert torch.equal(into, 2 * parts)
    tensors.broadcast(into)
    assert torch.equal(into, 2 * parts)


def test_the_ranks_wait_together_until_all_devices_are_done(group, monkeypatch):
    torch = pytest.importorskip("torch")
    from torch_w2v.distributed import tensor_group  # noqa: PLC0415

    tensors = tensor_group.TensorGroup(group, "gloo")
    tensors.settle(torch.device("cpu"))
    answers, asked = iter([False, False, True]), []
    monkeypatch.setattr(tensor_group, "_mark", lambda device: lambda: next(answers))
    all_are = group.all_are
    monkeypatch.setattr(group, "all_are", lambda done: asked.append(all_are(done)) or asked[-1])
    tensors.settle(torch.device("cuda"))
    assert asked == [False, False, True]


def test_a_device_is_asked_whether_it_has_done_what_it_was_given(monkeypatch):
    """A stand-in for `torch.cuda`."""
    torch = pytest.importorskip("torch")
    from torch_w2v.distributed import tensor_group  # noqa: PLC0415

    class Streams:
        recorded: ClassVar = []

        class Event:
            def record(self, stream):
                Streams.recorded.append(stream)

            def query(self):
                return len(Streams.recorded) == 1

        @staticmethod
        def current_stream(device):
            return "stream of", device

    monkeypatch.setattr(torch, "get_device_module", lambda device: Streams)
    device = torch.device("cuda:1")
    assert tensor_group._mark(device)()
    assert Streams.recorded == [("stream of", device)]
    assert tensor_group._mark(torch.device("cpu")) is None


def test_an_exchange_that_fails_ends_what_is_under_way_on_devices(group, monkeypatch):
    """Before the tables are read: that would wait for a collective that never ends."""
    dist = pytest.importorskip("torch.distributed")
    new_group, ended = dist.new_group, []
    monkeypatch.setattr(dist, "new_group", lambda backend, timeout: new_group(backend="gloo"))
    monkeypatch.setattr(dist.distributed_c10d, "_abort_process_group", ended.append, False)
    nccl = group.process_group("nccl")
    with pytest.raises(LostRankError), group.exchanging():
        raise RuntimeError("Connection closed by peer")
    assert ended == [nccl]


def test_a_wrong_number_of_exchanges_is_refused_before_the_ranks_meet(monkeypatch):
    pytest.importorskip("torch.distributed")
    monkeypatch.setenv("TORCH_W2V_EXCHANGES", "often")
    with pytest.raises(ValueError, match="TORCH_W2V_EXCHANGES='often'"):
        group_module.Group()


def test_a_device_without_memory_is_no_lost_rank(group):
    torch = pytest.importorskip("torch")
    with pytest.raises(torch.OutOfMemoryError, match="full"), group.exchanging():
        raise torch.OutOfMemoryError("full")
    with pytest.raises(LostRankError, match="closed"), group.exchanging():
        raise RuntimeError("closed")


class Everyone:
    """A group whose ranks have these (kind of device, backend, identity)."""

    def __init__(self, *everyone):
        self._everyone = list(everyone)

    def backend_for(self, device):
        return self._everyone[0][1]

    def from_all(self, value):
        assert value[:2] == self._everyone[0][:2]
        return self._everyone


GPU = [("xpu", "xccl", ("", str(i))) for i in range(3)]


@pytest.mark.parametrize(
    ("everyone", "backend", "said"),
    [
        (GPU, "xccl", "from device to device by 'xccl'"),
        (GPU[:1], "xccl", "from device to device"),
        ([GPU[0], ("cpu", None, ("host", "cpu"))], None, "unlike devices, xpu, cpu"),
        ([GPU[0], ("xpu", None, ("host", "xpu"))], None, "no backend between devices 'xpu'"),
        ([("xpu", None, ("host", "xpu"))] * 2, None, "no backend between devices 'xpu'"),
        ([GPU[0], GPU[1], GPU[0]], None, "ranks 0 and 2 train on the same device"),
    ],
)
def test_the_way_between_the_ranks(everyone, backend, said):
    pytest.importorskip("torch")
    from torch_w2v.distributed.tensor_group import way_between  # noqa: PLC0415

    found, way = way_between(Everyone(*everyone), "xpu:0")
    assert found == backend
    assert said in way


@pytest.mark.parametrize(
    ("device", "current", "count", "local", "expected"),
    [
        ("cuda", 0, 4, "3", "cuda:3"),
        ("cuda", 0, 4, None, "cuda:0"),
        ("cuda", 2, 4, "3", "cuda:2"),  # by torch.cuda.set_device
        ("cuda", 0, 1, "3", "cuda:0"),  # CUDA_VISIBLE_DEVICES has one per process
        ("cuda", 0, 2, "3", "cuda:1"),
        ("cuda", 0, 4, "", "cuda:0"),
        ("cuda:1", 0, 4, "3", "cuda:1"),
        ("cuda", 0, 4, {"SLURM_LOCALID": "2"}, "cuda:2"),
        ("cuda", 0, 4, {"SLURM_LOCALID": "2", "LOCAL_RANK": "1"}, "cuda:1"),
        ("cpu", 0, 4, "3", "cpu"),
        ("mps", 0, 4, "3", "mps"),
    ],
)
def test_the_gpu_of_a_rank(device, current, count, local, expected, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.current_device", lambda: current)
    monkeypatch.setattr("torch.cuda.device_count", lambda: count)
    environment = local if isinstance(local, dict) else {} if local is None else {"LOCAL_RANK": local}
    monkeypatch.setattr(os, "environ", environment)
    assert devices.of_rank(device) == expected


def test_the_gpu_of_the_process_group(monkeypatch):
    torch = pytest.importorskip("torch")
    bound = type("Group", (), {"bound_device_id": torch.device("cuda:5")})
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.distributed.group", type("group", (), {"WORLD": bound}))
    assert devices.of_rank("cuda") == "cuda:5"
    assert devices.of_rank("cuda:1") == "cuda:1"


def test_without_a_gpu_a_rank_has_none():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        assert devices.of_rank("cuda") == "cuda"


@pytest.mark.parametrize("fails", [False, True])
def test_a_group_for_a_device_is_made_once_and_ends_with_the_block(group, fails, monkeypatch):
    """torch's group is one of gloo here, in the place of one of NCCL."""
    dist = pytest.importorskip("torch.distributed")
    new_group, ended = dist.new_group, []
    monkeypatch.setattr(dist, "new_group", lambda backend, timeout: (backend, new_group(backend="gloo")))
    for way in (dist, dist.distributed_c10d):
        monkeypatch.setattr(way, "destroy_process_group", lambda of: ended.append(("destroyed", of)))
    monkeypatch.setattr(dist.distributed_c10d, "_abort_process_group", lambda of: ended.append(("aborted", of)), False)
    try:
        with group.together():
            gloo, nccl = group.process_group("gloo"), group.process_group("nccl")
            assert group.process_group("nccl") is nccl
            if fails:
                raise KeyError
    except KeyError:
        assert fails
    assert nccl[0] == "nccl"
    assert ended == [("destroyed", gloo), ("aborted" if fails else "destroyed", nccl)]


def test_another_thread_waits_for_the_other_ranks(group, monkeypatch):
    """So that a Ctrl-C is heard at once: torch would hear it after the timeout."""
    new_group, threads = group._dist.new_group, []

    def recording(**options):
        threads.append(threading.current_thread())
        return new_group(**options)

    monkeypatch.setattr(group._dist, "new_group", recording)
    Group()
    assert threads
    assert threading.main_thread() not in threads
