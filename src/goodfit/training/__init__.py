"""The verb: `train`, its planner, and the run folder that keeps what came out."""

from goodfit.training.folder import RunFolder as RunFolder
from goodfit.training.forecast import forecast as forecast
from goodfit.training.model_folder import load_model as load_model
from goodfit.training.model_folder import save_model as save_model
from goodfit.training.train import Progress as Progress
from goodfit.training.train import explain as explain
from goodfit.training.train import train as train
