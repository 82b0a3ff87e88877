"""The command `torch-w2v`, one module per subcommand."""

from torch_w2v.cli.entry_point import main, parser

__all__ = ["main", "parser"]
