"""A Python process that has imported gensim and forks on request: see `tests.processes`, which starts and asks it.

A forked process runs what `python -c` or `python -m` would, and ends as Python ends. Of what it does, only the import
of gensim, numpy and pytest was done before, none of torch or of this package.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import socket
import sys
import types

import gensim.models  # noqa: F401 - so that forked processes have it
import pytest  # noqa: F401 - the same


def next_request(connection: socket.socket) -> tuple[dict[str, object], list[int]]:
    """Fork for each request; return it, and the files of its standard streams, in the forked process."""
    while True:
        request, files, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        if not request:
            os._exit(0)
        child = os.fork()
        if not child:
            connection.close()
            return json.loads(request), files
        for file in files:
            os.close(file)
        _, status = os.waitpid(child, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())


if __name__ == "__main__":
    gc.freeze()
    own_path = [path for path in sys.path[1:] if path not in os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    asked, streams = next_request(socket.socket(fileno=int(sys.argv[1])))
    # Python's own objects for them have written and read nothing yet.
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    (option, program, *arguments), main = asked["arguments"], types.ModuleType("__main__")
    sys.modules["__main__"] = main
    sys.argv = [option, *arguments]
    sys.path[:] = ["", *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)), *own_path]
    if option == "-m":
        sys.path[0] = os.getcwd()
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        exec(compile(program, "<string>", "exec"), vars(main))
