"""`python -m torch_w2v`: the same as the command `torch-w2v`."""

import sys

from torch_w2v.cli import main

if __name__ == "__main__":
    sys.exit(main())
