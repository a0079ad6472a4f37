"""Settings of the linear-algebra libraries, which read them once, when they are loaded."""

import os
from pathlib import Path

AVX512 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}


def choose_matrix_products() -> None:
    """Set what MKL and OpenBLAS read from the environment, unless the user has set it.

    MKL may pick another routine for another memory alignment; AUTO fixes the choice at no cost in speed, so that a
    network's numbers do not depend on which networks lie beside it.

    OpenBLAS (0.3.31) takes AMD processors with AVX-512 for older ones and runs at half their speed.
    """
    os.environ.setdefault("MKL_CBWR", "AUTO")
    vendor, flags = _processor()
    if vendor == "AuthenticAMD" and flags >= AVX512:
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")


def _processor() -> tuple[str, set[str]]:
    """Return vendor and instruction sets where the system tells them (Linux on x86), else nothing."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return "", set()
    first = dict(line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    values = {name.strip(): value.strip() for name, value in first.items()}
    return values.get("vendor_id", ""), set(values.get("flags", "").split())
