"""goodfit's own kernels on the works."""

from works import Run, Work

import goodfit as gf
from goodfit.population import KERNELS, Part, Problem, train_population


def goodfit(work: Work, kernel: str, members: int | None = None, own_module: bool = False, **settings: object) -> Run:
    """Train with a kernel, from building the networks to handing over their weights.

    Args:
        members: number of networks; None takes the work's. own_module: hand the network over as a user's module.
    """
    config = gf.Config(
        model=work.module if own_module or not work.sizes else "mlp", width=work.sizes[1:-1] or 1, dropout=work.dropout,
        activation=work.activation, optimiser="adam", lr=1e-3, batch_size=work.batch, epochs=100_000, **settings,
    )  # fmt: skip
    members = members or work.members
    problem = Problem(Part(work.x, work.y), None, work.classes or 1, work.row_loss)

    def run(steps: int) -> int:
        configs = gf.vary(config, max_steps=steps, seed=range(members))
        for _ in train_population(configs, problem, KERNELS[kernel].make):
            pass
        return steps * members

    return run
