"""A process joins the ranks that its environment names, or says what is wrong with it, in time."""

import socket

import pytest

from torch_w2v.distributed import joining
from torch_w2v.distributed.group import Group


@pytest.mark.parametrize(("text", "seconds"), [("", 3600), ("90", 90), ("0.5", 0.5)])
def test_the_timeout_is_that_of_the_environment(text, seconds, monkeypatch):
    monkeypatch.setenv("TORCH_W2V_TIMEOUT", text)
    assert joining.timeout().total_seconds() == seconds


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf", "1e15"])
def test_a_timeout_that_is_none(text, monkeypatch):
    monkeypatch.setenv("TORCH_W2V_TIMEOUT", text)
    with pytest.raises(ValueError, match=f"TORCH_W2V_TIMEOUT='{text}': must be a number of seconds above 0"):
        joining.timeout()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("RANK", "2", "RANK=2 in the environment: must be 0 to 1, by WORLD_SIZE=2"),
        ("RANK", "-1", "RANK=-1 in the environment: must be 0 to 1"),
        ("RANK", "x", "RANK='x' in the environment: must be an integer"),
        ("WORLD_SIZE", "0", "WORLD_SIZE=0 in the environment: must be the number of ranks, at least 1"),
        ("MASTER_PORT", "abc", "MASTER_PORT='abc' in the environment: must be an integer"),
        ("MASTER_PORT", "0", "MASTER_PORT=0 in the environment: must be 1 to 65535"),
        ("MASTER_PORT", "65536", "MASTER_PORT=65536 in the environment: must be 1 to 65535"),
    ],
)
def test_an_environment_by_which_ranks_would_wait_for_ever(variable, value, message, monkeypatch):
    environment = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500", variable: value}
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    with pytest.raises(ValueError, match=f"^{message}"):
        Group()


@pytest.fixture
def as_rank_1(monkeypatch):
    """As the second of two ranks; rank 0 would be at the address of this socket, where nobody ever answers."""
    with socket.socket() as service:
        service.bind(("127.0.0.1", 0))
        service.listen()
        port = str(service.getsockname()[1])
        environment = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        for name, text in environment.items():
            monkeypatch.setenv(name, text)
        yield port


def test_a_port_that_another_service_has(as_rank_1, monkeypatch):
    """torch would wait for ever."""
    monkeypatch.setenv("TORCH_W2V_TIMEOUT", "0.5")
    monkeypatch.setattr(joining, "_GRACE", 0.5)
    message = rf"the ranks cannot meet at 127.0.0.1:{as_rank_1} \(MASTER_ADDR and MASTER_PORT\).*another service"
    with pytest.raises(RuntimeError, match=message):
        Group()
