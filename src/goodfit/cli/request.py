"""What the commands that train have in common: which data, and settings, times and axes as a person types them."""

import math
import shlex
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from goodfit.calls import split_at_commas
from goodfit.data.builtin import BUILTIN
from goodfit.errors import GoodfitError
from goodfit.load import load
from goodfit.task import Task
from goodfit.training import RunFolder

REQUEST = "run.json"
"""File of the run folder that holds the request."""

SEEDS = 2**32
"""So many seeds there are, for scikit-learn takes no others."""


class TaskOption(StrEnum):
    """Values of --task."""

    auto = "auto"
    regression = "regression"
    binary = "binary"
    multiclass = "multiclass"


class DataRequest(BaseModel):
    """Which data were asked for; kept in the run folder so that `resume` can go on with them."""

    model_config = ConfigDict(extra="forbid")

    data: str
    target: str | None = None
    kind: str = "auto"
    metric: str | None = None
    id: str | None = None
    group: str | None = None
    time: str | None = None
    test: str = "0.2"
    validation: str = "0.2"
    seed: int = 0
    settings: dict[str, Any] = {}
    command: str = ""
    fingerprint: str = ""

    def task(self) -> Task:
        """Load the data."""
        options = self.model_dump(
            include={"target", "kind", "metric", "id", "group", "time", "test", "validation", "seed"}
        )
        return load(self.data, **options)

    def unchanged_task(self, run: Path) -> Task:
        """Load the data again for a run that began with them.

        Raises:
            GoodfitError: they have changed since.
        """
        task = self.task()
        if task.fingerprint() != self.fingerprint:
            raise GoodfitError(
                f"{self.data} has changed since {run} began: put the old data back, or train again in a new folder"
            )
        return task

    def locate(self) -> None:
        """Make paths absolute, so that `resume` works from any folder."""
        for name in ("data", "test", "validation"):
            path = Path(getattr(self, name))
            if path.exists() and str(path) not in BUILTIN:
                setattr(self, name, str(path.resolve()))

    def words(self, *left_out: str) -> list[str]:
        """Return every option that differs from its default, as it is typed."""
        names = {"kind": "--task", "validation": "--val"}
        words = []
        for name, info in type(self).model_fields.items():
            value = getattr(self, name)
            if name in ("settings", "command", "fingerprint", "seed", *left_out) or value == info.default:
                continue
            option = names.get(name, f"--{name.replace('_', '-')}")
            words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
        for name, value in self.settings.items():
            words += ["--set", f"{name}={typed(value)}"]
        return [*words, "--seed", str(self.seed)]


Asked = TypeVar("Asked", bound=DataRequest)


def read_request(folder: RunFolder, kind: type[Asked]) -> Asked:
    """Return what a run folder's run was asked for."""
    try:
        return kind.model_validate(folder.read(REQUEST))
    except ValidationError:
        raise GoodfitError(
            f"{folder.path}/{REQUEST} was not written by this goodfit: train again in a new folder"
        ) from None


def typed(value: Any) -> str:
    """Return a setting's value as a person types it."""
    if value is None:
        return ""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def command_line(*words: str) -> str:
    """Return words as one line for a shell."""
    return shlex.join(words)


def read_setting(text: str) -> tuple[str, Any]:
    """Read one `key=value`; the value is YAML, and `1,2` is a list."""
    name, values = read_axis(text, "--set", "dropout=0.2")
    return name, values[0] if len(values) == 1 else values


def read_axis(text: str, option: str = "--vary", example: str = "activation=relu,gelu") -> tuple[str, list[Any]]:
    """Read one `key=a,b,c`; values are YAML, and commas within brackets do not part them."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise GoodfitError(f"{option} {text} is not key=value: write for example {option} {example}")
    return name.strip().replace("-", "_"), [_yaml(part) for part in split_at_commas(value)]


def _yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def read_seed(seed: Any) -> int:
    """Return the seed of --seed, or of the settings.

    Raises:
        GoodfitError: not all that draws takes such a seed.
    """
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < SEEDS:
        raise GoodfitError(f"the seed is {seed!r}: it must be a whole number from 0 to {SEEDS - 1}")
    return seed


def read_seconds(text: str | None) -> float | None:
    """Read a time: 90, 90s, 10m, 1h.

    Raises:
        GoodfitError: it is no time, or none in which anything could be done.
    """
    if text is None:
        return None
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    try:
        seconds = float(number) * unit
    except ValueError:
        raise GoodfitError(f"--time-limit {text} is no time: write for example 90, 90s, 10m or 1h") from None
    if not 0 < seconds < math.inf:  # NaN neither
        raise GoodfitError(f"--time-limit {text} must be positive and finite: write for example 90, 90s, 10m or 1h")
    return seconds
