"""What the steps have in common: a config without regularisation, and the evidence of a step that was left out."""

from typing import Any

from goodfit.config import Config

NO_REGULARISATION = {
    "dropout": 0.0, "dropconnect": 0.0, "weight_decay": 0.0, "mixup": 0.0, "label_noise": 0.0, "augment": (),
}  # fmt: skip


def without_regularisation(config: Config) -> Config:
    """Return the config with every regulariser off and nothing that ends or bends the training early."""
    return config.replace(**NO_REGULARISATION, schedule="constant", warmup_steps=0, patience=None, max_steps=None)


def skipped(why: str) -> dict[str, Any]:
    """Return the evidence of a step for which there was no time: it passes, and changes nothing."""
    return {"ok": True, "text": why, "changed": {}, "follows": "", "skipped": True}
