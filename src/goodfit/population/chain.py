"""Read a module as a chain of layers that the compiled loops know, whatever class it is."""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn import functional as F

from goodfit.nn.activation_layers import Elementwise
from goodfit.nn.dropout import KeyedDropout, keyed_dropouts
from goodfit.nn.mlp import MLP
from goodfit.nn.rate_factors import rate_factors

Kind = Literal["linear", "activation", "dropout", "convolution", "batch-norm", "max-pool", "average-pool", "norm-pool"]
"""The last is batch norm, ReLU and max pooling in one, which `goodfit.population.program` makes of three."""


@dataclass(frozen=True)
class Link:
    """One layer of a chain.

    Attributes:
        name: the layer's name in the module; "" where it has no parameters.
        before, after: shape of one sample's value before and after it.
        activation: name in `goodfit.nn.ACTIVATIONS`.
        rate: of a dropout layer, or of DropConnect on a linear layer. number: of that dropout in its module.
        alpha: whether it is alpha-dropout.
        kernel, stride, padding: of convolution and pooling. momentum, eps: of batch norm.
    """

    kind: Kind
    name: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    activation: str = ""
    rate: float = 0.0
    number: int = 0
    alpha: bool = False
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: int = 0
    momentum: float = 0.0
    eps: float = 0.0


class NotAChain(Exception):
    """Why a module cannot be read as a chain."""


def read_chain(module: nn.Module, input_shape: Sequence[int]) -> list[Link]:
    """Return the layers of a module in order.

    Args:
        module: with its dropout layers keyed (`goodfit.nn.dropout.key_dropouts`).

    Raises:
        NotAChain: with the reason in words.
    """
    if isinstance(module, MLP):
        return _perceptron(module)
    _check_parameters(module)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        training, evaluation = (_trace(deepcopy(module).train(mode), input_shape) for mode in (True, False))
    if training != evaluation:
        raise NotAChain("it computes something else in evaluation")
    if not any(link.name for link in training):
        raise NotAChain("it has no layer with weights")
    return training


def _perceptron(module: MLP) -> list[Link]:
    links: list[Link] = []
    numbers = {name: number for name, _, number in keyed_dropouts(module)}
    for number, (layer, connect) in enumerate(zip(module.layers, module.connects, strict=True)):
        assert isinstance(layer, nn.Linear) and isinstance(connect, KeyedDropout)
        before, after = (layer.in_features,), (layer.out_features,)
        links.append(Link("linear", f"layers.{number}", before, after, rate=float(connect.rate), number=number))
        if number < len(module.activations):
            for kind in ("norms", "activations", "dropouts"):
                name = f"{kind}.{number}"
                links += _of_module(module.get_submodule(name), name, after, after, numbers)
    return links


def _check_parameters(module: nn.Module) -> None:
    if any(not p.requires_grad for p in module.parameters()):
        raise NotAChain("some of its parameters are frozen")
    if rate_factors(module):
        raise NotAChain("parts of it train at rates of their own")
    if len(list(module.named_parameters())) < len(list(module.named_parameters(remove_duplicate=False))):
        raise NotAChain("layers share parameters")
    if any(t.dtype != torch.float32 for t in module.parameters()):
        raise NotAChain("its parameters are not float32")
    if any(layer._forward_hooks or layer._forward_pre_hooks for layer in module.modules()):
        raise NotAChain("it has hooks")
    if has_gradient_hooks(module):
        raise NotAChain("it has hooks on gradients")


def has_gradient_hooks(module: nn.Module) -> bool:
    """Return whether a module has hooks that only PyTorch's own backward pass calls."""
    tensors: list[Any] = list(module.parameters())
    on_weights = any(p._backward_hooks or p._post_accumulate_grad_hooks for p in tensors)
    return on_weights or any(layer._backward_hooks or layer._backward_pre_hooks for layer in module.modules())


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, KeyedDropout | Elementwise) or super().is_leaf_module(m, module_qualified_name)


def _trace(module: nn.Module, input_shape: Sequence[int]) -> list[Link]:
    try:
        graph = _Tracer().trace(module)
        traced = fx.GraphModule(module, graph)
        ShapeProp(traced).propagate(torch.zeros(2, *input_shape))
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else ""
        raise NotAChain(f"it cannot be traced ({type(error).__name__}: {reason[:100]})") from None
    numbers = {name: number for name, _, number in keyed_dropouts(module)}
    links: list[Link] = []
    seen: set[str] = set()
    previous: fx.Node | None = None
    for node in graph.nodes:
        if node.op == "placeholder" and previous is None:
            previous = node
            continue
        if node.op == "output":
            if node.args[0] is not previous:
                raise NotAChain("it returns more than its last layer's output")
            continue
        if _is_size(node):
            continue
        if previous is None or node.all_input_nodes[:1] != [previous] or not _feeds_one(previous, node):
            raise NotAChain("its layers do not form a chain")
        links += _links(module, node, _shape(previous), _shape(node), numbers, seen)
        previous = node
    return links


def _is_size(node: fx.Node) -> bool:
    """x.size(0), x.shape[0] and the like, as arguments of a reshape."""
    is_size = node.op == "call_method" and node.target == "size"
    return is_size or (node.op == "call_function" and getattr(node.target, "__name__", "") in ("getattr", "getitem"))


def _feeds_one(previous: fx.Node, node: fx.Node) -> bool:
    return all(user is node or _is_size(user) for user in previous.users)


def _shape(node: fx.Node) -> tuple[int, ...]:
    """Return the shape of one sample's value."""
    shape = tuple(node.meta["tensor_meta"].shape) if "tensor_meta" in node.meta else ()
    if not shape or shape[0] != 2:
        raise NotAChain(f"'{node.name}' mixes samples")
    return shape[1:]


def _links(
    module: nn.Module, node: fx.Node, before: tuple[int, ...], after: tuple[int, ...], numbers: dict[str, int], seen: set[str]
) -> list[Link]:  # fmt: skip
    if node.op == "call_module":
        name = str(node.target)
        if name in seen:
            raise NotAChain(f"layer '{name}' is used twice")
        seen.add(name)
        return _of_module(module.get_submodule(name), name, before, after, numbers)
    if node.op in ("call_function", "call_method"):
        return _of_call(node, before, after)
    raise NotAChain(f"it uses '{node.target}' directly")


def _of_module(
    layer: nn.Module, name: str, before: tuple[int, ...], after: tuple[int, ...], numbers: dict[str, int]
) -> list[Link]:
    kind = type(layer)
    if isinstance(layer, KeyedDropout) and layer.purpose == "dropout" and not layer.channels:
        return [Link("dropout", "", before, after, rate=float(layer.rate), number=numbers[name], alpha=layer.alpha)]
    if isinstance(layer, Elementwise):
        return [Link("activation", "", before, after, layer.name)]
    if isinstance(layer, nn.Linear) and kind is nn.Linear and len(before) == 1:
        return [Link("linear", name, before, after)]
    if isinstance(layer, nn.Conv2d) and kind is nn.Conv2d:
        return [_convolution(layer, name, before, after)]
    if kind in (nn.BatchNorm1d, nn.BatchNorm2d):
        return [_batch_norm(layer, name, before, after)]
    if kind in (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d):
        return [_pooling(layer, before, after)]
    if kind is nn.Identity or (isinstance(layer, nn.Flatten) and (layer.start_dim, layer.end_dim) == (1, -1)):
        return []
    found = _ACTIVATION_LAYERS.get(kind)
    if found and all(getattr(layer, setting) == value for setting, value in found[1].items()):
        return [Link("activation", "", before, after, found[0])]
    raise NotAChain(f"layer '{name}' ({kind.__name__}) has no compiled form")


_ACTIVATION_LAYERS: dict[type[nn.Module], tuple[str, dict[str, Any]]] = {
    nn.ReLU: ("relu", {}),
    nn.Tanh: ("tanh", {}),
    nn.Sigmoid: ("sigmoid", {}),
    nn.LeakyReLU: ("leaky-relu", {"negative_slope": 0.01}),
    nn.ELU: ("elu", {"alpha": 1.0}),
    nn.SELU: ("selu", {}),
    nn.Softplus: ("softplus", {"beta": 1, "threshold": 20}),
    nn.GELU: ("gelu", {"approximate": "none"}),
    nn.SiLU: ("silu", {}),
    nn.Mish: ("mish", {}),
}
"""Activation layers, and the settings with which they are ours."""
_ACTIVATION_CALLS: dict[Callable[..., Tensor] | str, str] = {
    torch.relu: "relu", F.relu: "relu", "relu": "relu", torch.tanh: "tanh", F.tanh: "tanh", "tanh": "tanh",
    torch.sigmoid: "sigmoid", F.sigmoid: "sigmoid", "sigmoid": "sigmoid", F.elu: "elu", F.selu: "selu",
    F.softplus: "softplus", F.gelu: "gelu", F.silu: "silu", F.mish: "mish", F.leaky_relu: "leaky-relu",
}  # fmt: skip


def _convolution(layer: nn.Conv2d, name: str, before: tuple[int, ...], after: tuple[int, ...]) -> Link:
    padding = (0, 0) if layer.padding == "valid" else layer.padding
    same = layer.stride[0] == layer.stride[1] and isinstance(padding, tuple) and padding[0] == padding[1]
    if not same or layer.dilation != (1, 1) or layer.groups != 1 or layer.padding_mode != "zeros":
        raise NotAChain(f"convolution '{name}' has settings without a compiled form")
    height, width = layer.kernel_size
    return Link(
        "convolution", name, before, after, kernel=(height, width), stride=layer.stride[0], padding=int(padding[0])
    )


def _batch_norm(layer: nn.Module, name: str, before: tuple[int, ...], after: tuple[int, ...]) -> Link:
    assert isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)
    if not layer.affine or not layer.track_running_stats or layer.momentum is None:
        raise NotAChain(f"batch norm '{name}' has settings without a compiled form")
    return Link("batch-norm", name, before, after, momentum=layer.momentum, eps=layer.eps)


def _pooling(layer: nn.Module, before: tuple[int, ...], after: tuple[int, ...]) -> Link:
    if isinstance(layer, nn.AdaptiveAvgPool2d):
        if after[1:] == (1, 1) and before[1] == before[2]:
            return Link("average-pool", "", before, after, kernel=(before[1], before[1]))
        raise NotAChain("adaptive pooling has no compiled form but for one value a channel")
    assert isinstance(layer, nn.MaxPool2d | nn.AvgPool2d)
    kind: Kind = "max-pool" if isinstance(layer, nn.MaxPool2d) else "average-pool"
    plain = layer.padding in (0, (0, 0)) and getattr(layer, "dilation", 1) in (1, (1, 1)) and not layer.ceil_mode
    if not plain or getattr(layer, "return_indices", False):
        raise NotAChain("pooling with padding, dilation or indices has no compiled form")
    return _windows(kind, before, after, layer.kernel_size, layer.stride)


def _windows(kind: Kind, before: tuple[int, ...], after: tuple[int, ...], size: Any, stride: Any) -> Link:
    sizes = set(size) if isinstance(size, tuple) else {size}
    steps = sizes if stride is None else set(stride) if isinstance(stride, tuple) else {stride}
    if len(sizes) != 1 or steps != sizes:
        raise NotAChain("pooling has no compiled form but for square windows side by side")
    [window] = sizes
    return Link(kind, "", before, after, kernel=(window, window))


_POOLING_DEFAULTS = {
    "padding": 0, "dilation": 1, "ceil_mode": False, "return_indices": False, "count_include_pad": True,
    "divisor_override": None,
}  # fmt: skip


def _of_call(node: fx.Node, before: tuple[int, ...], after: tuple[int, ...]) -> list[Link]:
    target: Any = node.target
    rest = [value for value in node.args[1:] if value is not None]
    settings = {name: value for name, value in node.kwargs.items() if name != "inplace"}
    if target in _ACTIVATION_CALLS and not rest and not settings:
        return [Link("activation", "", before, after, _ACTIVATION_CALLS[target])]
    reshapes = (torch.flatten, torch.squeeze, "flatten", "view", "reshape", "squeeze")
    if target in reshapes and math.prod(before) == math.prod(after) and len(after) <= 1:
        return []
    pools: dict[Any, Kind] = {F.max_pool2d: "max-pool", F.avg_pool2d: "average-pool"}
    if target in pools:
        given = dict(zip(("kernel_size", "stride"), rest, strict=False)) | settings
        size, stride = given.pop("kernel_size"), given.pop("stride", None)
        if len(rest) <= 2 and given.items() <= _POOLING_DEFAULTS.items():
            return [_windows(pools[target], before, after, size, stride)]
    raise NotAChain(f"'{getattr(target, '__name__', target)}' has no compiled form")
