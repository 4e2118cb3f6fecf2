"""What one worker of a run makes, and the others take over."""

import fcntl
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

folder: Path | None = None  # of a run with several workers


def once(name: str, make: Callable[[], Any]) -> Any:
    """Return what ``make`` returned to the first who asked by this name; it fits into a pickle.

    Whoever asks meanwhile waits for it.
    """
    if folder is None:
        return make()
    with (folder / name).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # let go of by whoever ends
        try:
            file.seek(0)
            if content := file.read():
                return pickle.loads(content)  # noqa: S301
            made = make()
            file.write(pickle.dumps(made))
            file.flush()
            return made
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # also where a child has the file
