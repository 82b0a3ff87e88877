"""The command `torch-w2v`."""

from torch_w2v.cli.main import main, parser

__all__ = ["main", "parser"]
