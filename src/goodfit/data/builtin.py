"""Data sets by name: scikit-learn's bundled ones, California housing, Fashion-MNIST, airfoil self-noise."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn import datasets

from goodfit.data.download import RemoteFile, cache_folder, data_folder, fetch
from goodfit.data.idx import read_idx
from goodfit.data.two_scales import two_scales
from goodfit.errors import GoodfitError, did_you_mean

Kind = Literal["regression", "binary", "multiclass"]
CALIFORNIA_ADDRESS = "https://ndownloader.figshare.com/files/5976036"  # as scikit-learn has it
FASHION_ADDRESS = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
FASHION_SHA256 = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
AIRFOIL = RemoteFile(
    "airfoil_self_noise.dat",
    "https://archive.ics.uci.edu/static/public/291/airfoil+self+noise.zip",
    "74c75fd71783f1e6b71f8a622b993dc592897a97cd689c5090a07147a1b097b3",
)
AIRFOIL_COLUMNS = (
    "frequency", "angle_of_attack", "chord_length", "free_stream_velocity", "suction_side_displacement_thickness",
    "sound_pressure",
)  # fmt: skip


@dataclass(frozen=True)
class RawData:
    """A table with its target, or images [n, C, H, W] with labels; `test_rows` is a fixed test part."""

    frame: pd.DataFrame | None = None
    target: str | None = None
    images: np.ndarray | None = None
    labels: np.ndarray | None = None
    test_rows: np.ndarray | None = None
    kind: Kind | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class BuiltinData:
    """An entry of the registry: what `goodfit data` lists, and how to load it."""

    name: str
    kind: Kind
    rows: int
    inputs: str
    about: str
    load: Callable[[], RawData]


def load_builtin(name: str) -> RawData:
    """Load a data set by name.

    Raises:
        GoodfitError: an unknown name, or data that are neither here nor to be downloaded.
    """
    if name not in BUILTIN:
        raise GoodfitError(
            f"there is no file and no built-in data '{name}'{did_you_mean(name, BUILTIN)}: built-in are {', '.join(BUILTIN)}"
        )
    return BUILTIN[name].load()


def _bundled(loader: Callable[..., Any], target: str, kind: Kind) -> Callable[[], RawData]:
    def load() -> RawData:
        bunch = loader(as_frame=True)
        frame = bunch.data.copy()
        values = bunch.target
        frame[target] = values if kind == "regression" else np.asarray(bunch.target_names)[values.to_numpy()]
        return RawData(frame=frame, target=target, kind=kind)

    return load


def _digits() -> RawData:
    bunch = datasets.load_digits()
    # grey values 0 ... 16 are spread over the range of a byte, as in other images
    images = np.round(bunch.images[:, None] * (255 / 16)).astype(np.uint8)
    return RawData(images=images, labels=bunch.target, kind="multiclass")


def _california() -> RawData:
    name = "cal_housing_py3.pkz"
    homes = [folder / "scikit-learn" for folder in (data_folder(), cache_folder()) if folder is not None]
    home = next((folder for folder in homes if (folder / name).is_file()), homes[-1])
    was_stored = (home / name).is_file()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn warns that it tries again; the error below says it all
            frame = datasets.fetch_california_housing(data_home=str(home), as_frame=True, n_retries=1).frame
        if frame.shape != (20640, 9):
            raise ValueError(f"it holds {frame.shape[0]} x {frame.shape[1]} values, not 20640 x 9")
    # a damaged pickle raises nearly anything, a broken connection more than OSError
    except Exception as error:
        reason = " ".join(str(getattr(error, "reason", None) or error).split()) or type(error).__name__
        if was_stored:
            raise GoodfitError(f"{home / name} is damaged ({reason}): delete it to download it again") from None
        raise GoodfitError(
            f"california-housing is not on this machine and cannot be had from {CALIFORNIA_ADDRESS} ({reason}): put that file"
            f" as cal_housing.tgz into {home} (or scikit-learn's {name} into $GOODFIT_DATA/scikit-learn)"
        ) from None
    return RawData(frame=frame, target="MedHouseVal", kind="regression")


def _fashion() -> RawData:
    arrays = [
        read_idx(fetch(RemoteFile(name, FASHION_ADDRESS + name, checksum, "fashion-mnist")))
        for name, checksum in FASHION_SHA256.items()
    ]
    images, labels = np.concatenate([arrays[0], arrays[2]]), np.concatenate([arrays[1], arrays[3]])
    first_test = len(arrays[0])
    return RawData(
        images=images[:, None], labels=np.array(FASHION_CLASSES)[labels], test_rows=np.arange(first_test, len(images)),
        kind="multiclass", notes=[f"the official test part ({len(arrays[2])} images) is the test part"],
    )  # fmt: skip


def _airfoil() -> RawData:
    frame = pd.read_csv(fetch(AIRFOIL), sep="\t", names=list(AIRFOIL_COLUMNS))
    return RawData(frame=frame, target="sound_pressure", kind="regression")


BUILTIN: dict[str, BuiltinData] = {
    data.name: data
    for data in (
        BuiltinData("digits", "multiclass", 1797, "images 8x8", "handwritten digits (UCI, bundled)", _digits),
        BuiltinData(
            "iris", "multiclass", 150, "4 columns", "iris species by flower size (Fisher 1936, bundled)",
            _bundled(datasets.load_iris, "species", "multiclass"),
        ),
        BuiltinData(
            "wine", "multiclass", 178, "13 columns", "cultivar by chemical analysis (UCI, bundled)",
            _bundled(datasets.load_wine, "cultivar", "multiclass"),
        ),
        BuiltinData(
            "breast-cancer", "binary", 569, "30 columns", "malignant or benign (Wisconsin, bundled)",
            _bundled(datasets.load_breast_cancer, "diagnosis", "binary"),
        ),
        BuiltinData(
            "diabetes", "regression", 442, "10 columns", "disease progression after a year (Efron et al. 2004, bundled)",
            _bundled(datasets.load_diabetes, "progression", "regression"),
        ),
        BuiltinData(
            "california-housing", "regression", 20640, "8 columns", "median house value by district (1990 census)", _california
        ),
        BuiltinData("airfoil", "regression", 1503, "5 columns", "noise of aerofoils in a wind tunnel (NASA)", _airfoil),
        BuiltinData("fashion-mnist", "multiclass", 70000, "images 28x28", "clothes in ten classes (Zalando, MIT licence)", _fashion),
        BuiltinData(
            "two-scales", "regression", 8000, "150 columns", "made data that are learnt at two speeds (Heckel & Yilmaz 2021)",
            lambda: RawData(frame=two_scales(), target="y", kind="regression"),
        ),
    )
}  # fmt: skip
