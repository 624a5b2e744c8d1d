"""HEIF files, decoded in a process of their own.

libheif is native code that some damaged files crash (``pi-heif`` 1.4.0 does so while it reads an
item's metadata). A crash there must cost one picture, not the worker with everybody's calls, so
the file goes to a short-lived process with bounded memory and time, and comes back as a TIFF.
"""

import os
import subprocess
import sys

from consentry import limits
from consentry.errors import PictureError, PictureSizeError
from consentry.vision import heif_reader


def heif_as_tiff(data: bytes, side_max: int, pixels_max: int) -> bytes:
    """Decode a HEIF file's primary picture into an uncompressed TIFF, upright, with its profile.

    ``side_max`` and ``pixels_max`` bound the picture in pixels. Raises PictureSizeError when it
    is larger, and PictureError when it cannot be read within HEIF_MEMORY_BYTES_MAX and
    HEIF_SECONDS_MAX, or crashes its reader.
    """
    bounds = (side_max, pixels_max, limits.HEIF_MEMORY_BYTES_MAX, limits.HEIF_SECONDS_MAX)
    try:
        done = subprocess.run(  # noqa: S603 (this package's own program, and numbers)
            [sys.executable, "-S", heif_reader.__file__, *map(str, bounds)],
            input=data,
            capture_output=True,
            env=_environment(),
            timeout=limits.HEIF_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PictureError("the picture takes too long to decode") from None
    if done.returncode == heif_reader.TOO_LARGE:
        raise PictureSizeError("the picture has too many pixels")
    if done.returncode:
        raise PictureError("the file is broken, or not what it says it is")
    return done.stdout


def _environment() -> dict[str, str]:
    """Where packages and libraries lie, and nothing else of this process: no setting, no token."""
    libraries = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return libraries | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
