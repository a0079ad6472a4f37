"""A config without anything that keeps a network from knowing its rows by heart."""

from goodfit.config import Config

NO_REGULARISATION = {
    "dropout": 0.0, "dropconnect": 0.0, "weight_decay": 0.0, "mixup": 0.0, "label_noise": 0.0, "augment": (),
}  # fmt: skip


def without_regularisation(config: Config) -> Config:
    """Return the config with every regulariser off and nothing that ends or bends the training early."""
    return config.replace(**NO_REGULARISATION, schedule="constant", warmup_steps=0, patience=None, max_steps=None)
