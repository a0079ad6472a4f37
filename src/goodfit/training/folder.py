"""The run folder: everything that one run leaves, and the lock that keeps a second process out."""

import hashlib
import json
import platform
import re
import shutil
import sqlite3
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from goodfit._version import __version__
from goodfit.errors import GoodfitError
from goodfit.training.files import write_bytes, write_json
from goodfit.training.store import Store

MARK = "environment.json"
"""Written first; a folder without it is not a run folder."""
CALL = "call"
"""Stage whose evidence says which call of `goodfit.recipe` the other stages belong to."""


class RunFolder:
    """`runs/<date>-<name>/`: settings, evidence, weights of finished trainings, model and report."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = filelock.FileLock(path / ".lock")

    @classmethod
    def create(cls, path: Path) -> "RunFolder":
        """Make a new run folder; its parents are made too."""
        try:
            path.mkdir(parents=True, exist_ok=False)
        except FileExistsError:
            raise GoodfitError(
                f"the output folder {path} is there already: choose another --out, or continue it with 'goodfit resume {path}'"
            ) from None
        except OSError as error:
            raise GoodfitError(
                f"cannot make the output folder {path}: {error.strerror}; choose another --out"
            ) from None
        try:
            write_json(path / MARK, environment())
        except OSError as error:
            raise GoodfitError(
                f"cannot write in the output folder {path}: {error.strerror}; choose another --out"
            ) from None
        (path / "trainings").mkdir()
        return cls(path)

    @classmethod
    def open(cls, path: Path | str) -> "RunFolder":
        """Open a run folder that is there."""
        path = Path(path)
        if not (path / MARK).is_file():
            there = "is not a goodfit run folder" if path.exists() else "is not there"
            raise GoodfitError(
                f"{path} {there}: give the folder that 'goodfit train' printed, such as runs/2026-01-31-house"
            )
        return cls(path)

    def lock(self) -> None:
        """Keep other processes out until this one ends (the system frees the lock of a process that dies)."""
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise GoodfitError(f"another goodfit is working in {self.path}: wait for it to end") from None

    def release(self) -> None:
        """Let others in."""
        self._lock.release()

    def claim(self, call: str) -> None:
        """Take the folder for a call, named by a digest of all that its evidence depends on.

        Raises:
            GoodfitError: the evidence in it is another call's.
        """
        store = self.store
        if store.stages() and store.stage(CALL) != call:
            raise GoodfitError(
                f"{self.path} holds another call's run, with other data, module, loss or arguments: take a new folder"
            )
        store.finish_stage(CALL, call)

    def discard_if_empty(self) -> None:
        """Remove the folder where no training has finished: there is nothing in it to go on with."""
        if not self.store.trainings():
            shutil.rmtree(self.path)

    @property
    def store(self) -> Store:
        """The study's database."""
        try:
            return Store(self.path / "study.sqlite")
        except sqlite3.DatabaseError as error:
            raise GoodfitError(f"{self.path}/study.sqlite cannot be read ({error}): restore it from a copy") from None

    def write(self, name: str, value: Any) -> None:
        """Write a JSON file of the folder."""
        write_json(self.path / name, value)

    def read(self, name: str) -> Any:
        """Read a JSON file of the folder."""
        path = self.path / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise GoodfitError(
                f"{self.path} has no {name}: the run did not come so far, continue it with 'goodfit resume {self.path}'"
            ) from None
        except (OSError, ValueError) as error:
            raise GoodfitError(f"{path} cannot be read ({error}): restore it from a copy") from None

    def keep_tensors(self, name: str, tensors: dict[str, Tensor]) -> str:
        """Write tensors as `trainings/<name>.safetensors` and return the SHA-256 of the file."""
        content = save({k: v.contiguous() for k, v in tensors.items()})
        write_bytes(self.path / "trainings" / f"{name}.safetensors", content)
        return hashlib.sha256(content).hexdigest()

    def tensors(self, name: str, checksum: str) -> dict[str, Tensor]:
        """Read tensors written by `keep_tensors`; the file must still have that SHA-256."""
        path = self.path / "trainings" / f"{name}.safetensors"
        try:
            content = path.read_bytes()
        except OSError as error:
            raise GoodfitError(f"cannot read {path}: {error.strerror}; train again in a new folder") from None
        if hashlib.sha256(content).hexdigest() != checksum:
            raise GoodfitError(f"{path} was changed or damaged (its SHA-256 differs): train again in a new folder")
        return load(content)


def new_run_path(name: str, root: Path = Path("runs")) -> Path:
    """Return `runs/<date>-<name>`, numbered where it is there already."""
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "run"
    path = root / f"{datetime.now():%Y-%m-%d}-{slug}"
    number = 2
    while path.exists():
        path = root / f"{datetime.now():%Y-%m-%d}-{slug}-{number}"
        number += 1
    return path


def environment() -> dict[str, Any]:
    """Return the versions and the machine that a result depends on."""
    return {
        "goodfit": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "started": datetime.now().isoformat(timespec="seconds"),
        "arguments": sys.argv[1:],
    }
