"""Options that one study alone has: what they are called, what they may be, and how a typed value is read."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from goodfit.errors import GoodfitError, did_you_mean


@dataclass(frozen=True)
class StudyOption:
    """`--name VALUE` of one study.

    Attributes:
        values: what it may be, as help prints it: `width|epochs`, `0 to 1`.
        about: what it decides. read: turns the typed text into the value, or raises `GoodfitError`.
        default: value where the option is not given; None lets the study decide.
    """

    values: str
    about: str
    read: Callable[[str], Any]
    default: Any = None


def choice(name: str, values: Iterable[str], about: str, default: str | None = None) -> StudyOption:
    """Return an option that is one of several words."""
    known = tuple(values)

    def read(text: str) -> str:
        if text not in known:
            raise GoodfitError(
                f"--{name} {text} is unknown{did_you_mean(text, known)}: choose one of {', '.join(known)}"
            )
        return text

    return StudyOption("|".join(known), about, read, default)


def share(name: str, about: str) -> StudyOption:
    """Return an option that is a number of at least 0 and below 1."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value < 1:
            raise GoodfitError(f"--{name} {text} is no share: give a number of at least 0 and below 1")
        return value

    return StudyOption("SHARE", about, read)


def read_options(study: str, options: Mapping[str, StudyOption], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the value of every option of a study.

    Raises:
        GoodfitError: an option that the study does not have, or a value that it cannot take.
    """
    for name in given:
        if name not in options:
            own = (
                f"its own options are {', '.join(f'--{known}' for known in options)}"
                if options
                else "it has none of its own"
            )
            raise GoodfitError(f"the study '{study}' has no option --{name}{did_you_mean(name, options)}: {own}")
    return {name: option.read(given[name]) if name in given else option.default for name, option in options.items()}
