"""Numbers and counts as a person reads them."""


def figure(value: float | None) -> str:
    """Return a number with four significant digits: 0.4706, 49,870, 1.2e-05; a dash where there is none."""
    if value is None or value != value:
        return "–"
    if 1e4 <= abs(value) < 1e9:
        digits = len(str(int(abs(value)))) - 4
        return f"{round(value / 10**digits) * 10**digits:,}"
    return f"{value:.4g}"


def count(number: int, thing: str) -> str:
    """Return `1 network`, `2 networks`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def size(number: int | float) -> str:
    """Return a number of bytes: `812 bytes`, `3.14 MB`, `200 GB`."""
    for unit, of_it in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= 0.9995 * of_it:
            return f"{number / of_it:.3g} {unit}" if number < 999.5 * of_it else f"{number / of_it:,.0f} {unit}"
    return f"{number:.0f} bytes"
