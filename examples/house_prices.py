"""House prices: a small classic experiment, then what goodfit makes of the same data.

Part 1 is the exercise of many tutorials: California housing, two features (AveRooms and AveOccup), 80/20 split
with random_state 5, standardised on the training part, Adam, eta 0.01, batch 128, squared error; the networks
2-4-3-1 (200 epochs) and 2-256-256-256-1 (500 epochs, Xavier normal). Instead of one run each: eight seeds each,
with the interval of the mean. Part 2 is `goodfit train` on all eight features and the same test rows.

    python examples/house_prices.py            # about 20 minutes on two cores, most of it the wide network
    python examples/house_prices.py --short    # a tenth of the epochs and two seeds, to see it work
"""

import argparse
from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split

import goodfit as gf
from goodfit.data.builtin import load_builtin
from goodfit.paired import t_interval
from goodfit.report import write_report
from goodfit.training.folder import new_run_path

TARGET = "MedHouseVal"
NETWORKS = {
    "2-4-3-1": ({"width": (4, 3), "epochs": 200}, "tutorial, last batch: 1.0264"),
    "2-256-256-256-1": ({"width": (256, 256, 256), "epochs": 500, "init": "xavier-normal"}, "tutorial: 0.9552"),
}


def split() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the 16512 training and 4128 test rows."""
    frame = load_builtin("california-housing").frame
    train, test = train_test_split(frame, test_size=0.2, random_state=5)
    return train.reset_index(drop=True), test.reset_index(drop=True)


def two_features(train: pd.DataFrame, test: pd.DataFrame, seeds: int, share: float) -> None:
    """Train both networks over several seeds and print the test mean squared error of each."""
    columns = ["AveRooms", "AveOccup", TARGET]
    task = gf.Task.from_frame(train[columns], TARGET, test=test[columns], validation=0.0)
    first = task.matrix(gf.Config(numeric="standard"), "train")[0]
    print(f"first training sample, standardised: ({first[0]:.4f}, {first[1]:.4f}), target {task.truth('train')[0]:.3f}")
    for name, (settings, published) in NETWORKS.items():
        config = gf.Config(numeric="standard", optimiser="adam", lr=0.01, batch_size=128, **settings)
        config = config.replace(epochs=max(1, round(share * config.epochs)))
        runs = gf.train(gf.vary(config, seed=range(seeds)), task)
        members = [runs.filter(lambda t, i=training.id: t.id == i) for training in runs]
        errors = [float(((one.predict(task.raw("test")) - task.truth("test")) ** 2).mean()) for one in members]
        mean, low, high = t_interval(errors)
        print(
            f"{name}: test MSE {mean:.4f} ({low:.4f} to {high:.4f}, n = {seeds}, {config.epochs} epochs); {published}"
        )


def all_features(train: pd.DataFrame, test: pd.DataFrame, preset: str) -> None:
    """Run the recipe on all features and say where its report is."""
    task = gf.Task.from_frame(train, TARGET, test=test, name="house-prices")
    folder = gf.RunFolder.create(new_run_path("house-prices"))
    report = gf.run_recipe(task, gf.Recipe(preset=preset), folder, "python examples/house_prices.py")
    page: Path = folder.path / "report.html"
    write_report(report, page)
    print(report["verdict"]["headline"], report["verdict"]["how_sure"], report["verdict"]["against"], sep="\n")
    print(f"report: {page}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    short = parser.parse_args().short
    parts = split()
    two_features(*parts, seeds=2 if short else 8, share=0.02 if short else 1.0)
    all_features(*parts, preset="quick" if short else "default")
