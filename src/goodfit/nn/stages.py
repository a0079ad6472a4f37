"""What a network is made of: its stages in order, with output shapes, parameters and multiply-adds."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from goodfit.nn.activation_layers import Elementwise, PReLU
from goodfit.nn.dropout import KeyedDropout
from goodfit.wording import count

PRODUCTS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class Stage:
    """One stage of a network.

    Attributes:
        name: its name in the module. kind: what it is, in words.
        shape: of its output for one sample.
        parameters: trained numbers. multiply_adds: of its linear layers and convolutions, for one sample.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


def stages(module: nn.Module, input_shape: Sequence[int]) -> list[Stage]:
    """Return the stages of a network in the order in which they compute.

    The stages of a `torch.nn.Sequential` are its children, those of other modules their layers.
    """
    parts = _parts(module)
    products: dict[str, int] = dict.fromkeys(parts, 0)
    shapes: dict[str, tuple[int, ...]] = {}
    handles = [_listen(layer, name, products) for name, part in parts.items() for layer in part.modules()]
    handles += [_note_shape(part, name, shapes) for name, part in parts.items()]
    training = module.training
    try:
        with torch.no_grad():
            module.eval()(torch.zeros(1, *input_shape))
    finally:
        module.train(training)
        for handle in handles:
            handle.remove()
    return [
        Stage(name, _words(parts[name]), shape, sum(p.numel() for p in parts[name].parameters()), products[name])
        for name, shape in shapes.items()
    ]


def _parts(module: nn.Module) -> dict[str, nn.Module]:
    if isinstance(module, nn.Sequential):
        found = dict(module.named_children())
    else:
        found = {name: layer for name, layer in module.named_modules() if not list(layer.children())}
    return {name: part for name, part in found.items() if not _does_nothing(part)}


def _does_nothing(part: nn.Module) -> bool:
    return isinstance(part, nn.Identity) or (isinstance(part, KeyedDropout) and not part.active)


def _listen(layer: nn.Module, name: str, products: dict[str, int]) -> torch.utils.hooks.RemovableHandle:
    """Add up the products of a layer whenever it computes."""

    def add(layer: nn.Module, inputs: object, output: Tensor) -> None:
        if isinstance(layer, PRODUCTS):
            products[name] += output.numel() * layer.weight[0].numel()

    return layer.register_forward_hook(add)


def _note_shape(part: nn.Module, name: str, shapes: dict[str, tuple[int, ...]]) -> torch.utils.hooks.RemovableHandle:
    def note(part: nn.Module, inputs: object, output: Tensor) -> None:
        shapes[name] = tuple(output.shape[1:])

    return part.register_forward_hook(note)


def _words(part: nn.Module) -> str:
    if list(part.children()):
        return f"{count(sum(isinstance(layer, PRODUCTS) for layer in part.modules()), 'layer')} with weights"
    if isinstance(part, nn.Conv2d):
        stride = f", stride {part.stride[0]}" if part.stride != (1, 1) else ""
        return f"convolution {' x '.join(map(str, part.kernel_size))}{stride}"
    if isinstance(part, nn.GroupNorm):
        return f"group norm, {count(part.num_groups, 'group')}"
    if isinstance(part, nn.MaxPool2d | nn.AvgPool2d):
        return (
            f"{'max' if isinstance(part, nn.MaxPool2d) else 'average'}-pooling {part.kernel_size} x {part.kernel_size}"
        )
    if isinstance(part, KeyedDropout):
        return "alpha-dropout" if part.alpha else "dropout"
    return part.name if isinstance(part, Elementwise) else _WORDS.get(type(part), type(part).__name__)


_WORDS: dict[type[nn.Module], str] = {
    nn.Linear: "linear",
    nn.BatchNorm1d: "batch norm",
    nn.BatchNorm2d: "batch norm",
    nn.LayerNorm: "layer norm",
    nn.AdaptiveAvgPool2d: "average of all pixels",
    nn.Flatten: "flatten",
    PReLU: "prelu",
}
