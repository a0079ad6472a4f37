"""Errors a user can mend: one line that says what is wrong, where, and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class GoodfitError(ValueError):
    """A mistake in what the user gave: data, settings or paths.

    The message is one line naming the rule that must hold, the value received and the fix.
    The command line prints it without a traceback and exits with code 2. It is a `ValueError`
    because scikit-learn's estimators promise one for bad input.
    """


class MissingExtraError(GoodfitError):
    """An optional dependency is not installed; the message names the `pip install` that adds it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}, which is not installed: pip install 'goodfit[{extra}]'")


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """Return `" (did you mean 'price'?)"` for the nearest option, or an empty string."""
    by_lower = {str(option).lower(): str(option) for option in options}
    close = get_close_matches(str(name).lower(), by_lower, n=1, cutoff=0.6)
    return f" (did you mean '{by_lower[close[0]]}'?)" if close else ""
