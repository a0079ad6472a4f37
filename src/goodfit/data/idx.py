"""The idx format of MNIST and its successors: magic number, sizes, bytes; usually gzipped."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from goodfit.errors import GoodfitError

UNSIGNED_BYTE = 0x08


def read_idx(path: Path) -> np.ndarray:
    """Return the array of a (gzipped) idx file of unsigned bytes.

    Raises:
        GoodfitError: truncated, damaged or of another format.
    """
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, zlib.error) as error:
        raise GoodfitError(f"{path} is damaged ({error}): delete it to download it again") from None
    if len(content) < 4 or content[:3] != bytes([0, 0, UNSIGNED_BYTE]):
        raise GoodfitError(f"{path} is not an idx file of bytes: delete it to download it again")
    header = 4 + 4 * content[3]
    if len(content) < header:
        raise GoodfitError(f"{path} is cut short: delete it to download it again")
    shape = struct.unpack(f">{content[3]}I", content[4:header])
    if len(content) - header != math.prod(shape):
        raise GoodfitError(
            f"{path} holds {len(content) - header} bytes where its header says {math.prod(shape)}: delete it to download it again"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)
