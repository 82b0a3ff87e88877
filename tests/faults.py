"""Faults at the system calls of a save."""

import os
from contextlib import suppress

# What `replacing` calls, but for `close` and `stat`, which do not fail on a file that is there.
CALLS = ("open", "mkdir", "replace", "chmod", "chown", "fsync", "listdir", "scandir", "rmdir", "unlink", "link")


class Fault:
    """Makes one call of the functions in CALLS raise, before or after it has done its work."""

    def __init__(self, patch, at, error, after):
        self.left, self.error, self.after = at, error, after
        patch.setattr(os, "fsync", lambda _: None)  # the disk has nothing to do with it
        for name in CALLS:
            patch.setattr(os, name, self.faulty(getattr(os, name)))

    def faulty(self, function):
        def call(*args, **kwargs):
            self.left -= 1
            if self.left == -1 and not self.after:
                raise self.error
            result = function(*args, **kwargs)
            if self.left == -1:
                with suppress(TypeError):
                    os.close(result)
                raise self.error
            return result

        return call
