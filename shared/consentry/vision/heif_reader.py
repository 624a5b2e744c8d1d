"""The program that decodes one HEIF file in a process of its own; see ``heif``.

Reads the file from standard input and writes its primary picture, upright and with its ICC
profile, as an uncompressed TIFF to standard output. The exit code tells how it went.
"""

import resource
import sys
from io import BytesIO
from typing import Final

from pi_heif import HeifImageFile

TOO_LARGE: Final = 3
"""Exit code for a picture above the limits; any other code but 0 says that it cannot be read."""

_PLAIN_MODES: Final = frozenset({"L", "RGB", "RGBA"})


def main(side_max: int, pixels_max: int, memory_max: int, seconds_max: int) -> int:
    """Decode what stands on standard input; sides and areas in pixels, memory in bytes."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_max, memory_max))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds_max, seconds_max))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the picture
    image = HeifImageFile(BytesIO(sys.stdin.buffer.read()))
    if max(image.size) > side_max or image.width * image.height > pixels_max:
        return TOO_LARGE
    image.load()
    plain = image if image.mode in _PLAIN_MODES else image.convert("RGBA")
    file = BytesIO()
    profile = image.info.get("icc_profile")
    plain.save(file, "TIFF", compression=None, icc_profile=profile, exif=b"")
    sys.stdout.buffer.write(file.getbuffer())
    return 0


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:])))
