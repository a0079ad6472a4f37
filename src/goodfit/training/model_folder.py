"""The model on disk: safetensors and JSON, and a manifest whose checksums are verified before anything is parsed.

safetensors has no checksum of its own: of 20,000 mutated files 6,540 loaded with wrong numbers. Loading never
executes anything; a model of the user's own needs its factory passed in.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import safetensors
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import save

from goodfit._version import __version__
from goodfit.config import Config, ModelFactory
from goodfit.data.decorrelation import Decorrelated
from goodfit.data.images import PixelPreparation
from goodfit.data.neighboured import Neighboured
from goodfit.data.preparation import TablePreparation
from goodfit.data.target import TargetCode
from goodfit.data.treatment import Preparation, treatment
from goodfit.errors import GoodfitError
from goodfit.model import Member, Model
from goodfit.nn.backbones import FineTuning, FrozenFeatures
from goodfit.training.files import flush_folder, sha256, write_bytes, write_json

FORMAT = 3
"""2: shares, temperature, set thresholds and class factors; folders of format 1 lack them and are read as equal shares.
3: views; older folders lack them and have none."""
MANIFEST = "manifest.json"
PREDICTING = (
    "code", "target_name", "half_width", "coverage", "id_name", "temperature", "set_thresholds", "class_factors",
    "views",
)  # fmt: skip
"""Fields of a model that are in model.json under the same name."""


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: int
    goodfit: str
    files: dict[str, str]


class _Description(BaseModel):
    """model.json."""

    model_config = ConfigDict(extra="forbid")

    configs: list[dict[str, Any]]
    preparations: list[dict[str, Any]]
    input: Literal["table", "images"]
    code: TargetCode
    target_name: str
    half_width: float | None
    coverage: float
    id_name: str | None
    shares: list[float] | None = None
    temperature: float = 1.0
    set_thresholds: dict[str, float] = {}
    class_factors: tuple[float, ...] | None = None
    views: bool = False
    backbones: dict[str, dict[str, Any]] = {}
    """Networks on a backbone that was trained further, by the name of the model in `configs`."""


def save_model(model: Model, folder: Path) -> None:
    """Write a model as a new folder; it appears under its name only when complete.

    Raises:
        GoodfitError: the folder is there already.
    """
    if folder.exists():
        raise GoodfitError(f"the model folder {folder} is there already: choose another name or remove it")
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".part"))
    try:
        _write(model, beside)
        beside.chmod(0o755)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    flush_folder(folder.parent)


def load_model(folder: Path | str, models: Mapping[str, ModelFactory] | None = None) -> Model:
    """Read a model folder.

    Args:
        models: factories of the user's own models by the name that was stored ("module:function").

    Raises:
        GoodfitError: not a model folder, a file missing or changed, a newer format; one line each.
    """
    folder = Path(folder)
    _verify(folder)
    try:
        description = _Description.model_validate(json.loads((folder / "model.json").read_text(encoding="utf-8")))
        tensors = _read_tensors(folder / "weights.safetensors")
        arrays = {name: value.numpy() for name, value in _read_tensors(folder / "preparation.safetensors").items()}
    except (ValidationError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise GoodfitError(f"{folder}/model.json is not a goodfit model: {str(error).splitlines()[0]}") from None
    own = {name: FineTuning.restore(stored) for name, stored in description.backbones.items()} | dict(models or {})
    configs = [_config(settings, own) for settings in description.configs]
    is_table = description.input == "table"
    preparations: dict[tuple[object, ...], Preparation] = {}
    for index, stored in enumerate(description.preparations):
        key = tuple(stored["key"])
        if stored["steps"].get("kind") == "neighboured":
            preparations[key] = Neighboured.restore(stored["steps"], _under(arrays, f"{index}/"))
        elif "backbone" in stored["steps"]:
            preparations[key] = FrozenFeatures.restore(stored["steps"], _under(arrays, f"{index}/"))
        elif "before" in stored["steps"]:
            preparations[key] = Decorrelated.restore(stored["steps"], _under(arrays, f"{index}/"))
        elif is_table:
            preparations[key] = TablePreparation.restore(stored["steps"], _under(arrays, f"{index}/"))
        else:
            preparations[key] = PixelPreparation.restore(stored["steps"])
    shares = description.shares or [1.0] * len(configs)
    if len(shares) != len(configs):
        raise GoodfitError(
            f"{folder}/model.json holds {len(shares)} shares for {len(configs)} networks: restore the folder"
        )
    members = [
        Member(config, _under(tensors, f"{index}/"), share)
        for index, (config, share) in enumerate(zip(configs, shares, strict=True))
    ]
    fields = {name: getattr(description, name) for name in PREDICTING}
    for member in members:
        if treatment(member.config, is_table) not in preparations:
            raise GoodfitError(
                f"{folder}/model.json lacks the data preparation of a network: the folder is not a goodfit model"
            )
    return Model(members, preparations, **fields)


def _write(model: Model, folder: Path) -> None:
    weights = {f"{i}/{name}": w.contiguous() for i, m in enumerate(model.members) for name, w in m.weights.items()}
    arrays: dict[str, torch.Tensor] = {}
    steps = []
    for index, (key, preparation) in enumerate(model.preparations.items()):
        steps.append({"key": list(key), "steps": preparation.to_json()})
        if not isinstance(preparation, PixelPreparation):
            arrays |= {f"{index}/{name}": torch.from_numpy(np.array(a)) for name, a in preparation.arrays().items()}
    write_bytes(folder / "weights.safetensors", save(weights))
    write_bytes(folder / "preparation.safetensors", save(arrays))
    description = _Description(
        configs=[member.config.settings() for member in model.members],
        preparations=steps,
        input="table" if model.is_table else "images",
        code=model.code,
        target_name=model.target_name,
        shares=[member.share for member in model.members],
        **{name: getattr(model, name) for name in PREDICTING if name not in ("code", "target_name")},
        backbones={
            config.settings()["model"]: config.model.to_json()
            for config in (member.config for member in model.members)
            if isinstance(config.model, FineTuning)
        },
    )
    write_json(folder / "model.json", description.model_dump(mode="json"))
    files = {path.name: sha256(path) for path in sorted(folder.iterdir())}
    write_json(folder / MANIFEST, {"format": FORMAT, "goodfit": __version__, "files": files})


def _verify(folder: Path) -> None:
    manifest_path = folder / MANIFEST
    if not manifest_path.is_file():
        raise GoodfitError(f"{folder} is not a goodfit model folder: it has no {MANIFEST}")
    try:
        manifest = _Manifest.model_validate_json(manifest_path.read_bytes())
    except ValidationError:
        raise GoodfitError(
            f"{manifest_path} is damaged or was not written by goodfit: restore the folder from a copy"
        ) from None
    if manifest.format > FORMAT:
        raise GoodfitError(
            f"{folder} was written by goodfit {manifest.goodfit} in model format {manifest.format}, newer than this {__version__}: "
            "upgrade goodfit"
        )
    for name in {"model.json", "weights.safetensors", "preparation.safetensors"} | set(manifest.files):
        path = folder / name
        if Path(name).name != name or name not in manifest.files or not path.is_file():
            raise GoodfitError(f"{folder} lacks {name} or its checksum: restore the folder from a copy")
        if sha256(path) != manifest.files[name]:
            raise GoodfitError(
                f"{path} was changed or damaged (its SHA-256 differs from {MANIFEST}): restore the folder from a copy"
            )


def _config(settings: dict[str, Any], models: Mapping[str, ModelFactory]) -> Config:
    name = settings.get("model", "mlp")
    return Config(**(settings | {"model": models[name]}) if name in models else settings)


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise GoodfitError(f"{path} cannot be read: {error}") from None


def _under(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
