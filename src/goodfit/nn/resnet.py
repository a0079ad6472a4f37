"""Residual networks for small images (He et al. 2016), in post- and pre-activation form, with and without skips.

`resnet-8` to `resnet-56` are the 6n+2 layers of section 4.2 (three stages of n blocks, 16, 32 and 64 channels);
`resnet-18` has the four stages of section 4.1 (64 to 512 channels) behind a stem for small images: one convolution
3 x 3, no pooling. Where a stage changes the shape, the skip is a convolution 1 x 1 (option B of the paper), in all.
"""

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from goodfit.config import Config
from goodfit.nn.activation_layers import activation_layer
from goodfit.nn.architecture import Architecture, channel_width, image_channels, in_order
from goodfit.nn.dropout import dropout_layer
from goodfit.nn.norm_layers import NORMS
from goodfit.wording import count


class Residual(nn.Module):
    """after(branch(before(x)) + skip), where skip is x, a projection of before(x), or left out.

    Post-activation (He et al. 2016a): before does nothing, after is the activation. Pre-activation (He et al.
    2016b): before is normalisation and activation, after does nothing.

    Shape:
        input: [B, C, H, W]. output: [B, C', H', W'].
    """

    def __init__(
        self, before: nn.Module, branch: nn.Module, projection: nn.Module | None, after: nn.Module, *, skip: bool
    ) -> None:
        super().__init__()
        self.before, self.branch, self.projection, self.after, self.skip = before, branch, projection, after, skip

    def forward(self, x: Tensor) -> Tensor:
        h = self.before(x)
        y = self.branch(h)
        if self.skip:
            y = y + (x if self.projection is None else self.projection(h))
        return self.after(y)


def _block(config: Config, n_in: int, n_out: int, stride: int, *, preact: bool) -> Residual:
    plain = config.norm == "none"

    def conv(channels: int, size: int, step: int) -> nn.Conv2d:
        return nn.Conv2d(channels, n_out, size, stride=step, padding=size // 2, bias=plain)

    def norm(channels: int) -> nn.Module:
        return NORMS[config.norm].channels(channels)

    def act() -> nn.Module:
        return activation_layer(config.activation)

    same = n_in == n_out and stride == 1
    if preact:
        before = in_order(norm=norm(n_in), activation=act())
        branch = in_order(conv1=conv(n_in, 3, stride), norm2=norm(n_out), activation=act(), conv2=conv(n_out, 3, 1))
        straight = None if same or not config.skip else conv(n_in, 1, stride)
        return Residual(before, branch, straight, nn.Identity(), skip=config.skip)
    branch = in_order(
        conv1=conv(n_in, 3, stride), norm1=norm(n_out), activation=act(), conv2=conv(n_out, 3, 1), norm2=norm(n_out)
    )
    projection = None if same or not config.skip else in_order(conv=conv(n_in, 1, stride), norm=norm(n_out))
    return Residual(nn.Identity(), branch, projection, act(), skip=config.skip)


def _build(
    config: Config, input_shape: Sequence[int], outputs: int, *, blocks: tuple[int, ...], preact: bool
) -> nn.Module:
    channels = image_channels(config, input_shape, 2 ** (len(blocks) - 1))
    width, norm = channel_width(config), NORMS[config.norm]
    stem: dict[str, nn.Module] = {"conv": nn.Conv2d(channels, width, 3, padding=1, bias=config.norm == "none")}
    if not preact:
        stem |= {"norm": norm.channels(width), "activation": activation_layer(config.activation)}
    stages, channels = {}, width
    for stage, number_of_blocks in enumerate(blocks):
        filters, residuals = width * 2**stage, {}
        for number in range(number_of_blocks):
            stride = 2 if stage and not number else 1
            residuals[f"block{number + 1}"] = _block(config, channels, filters, stride, preact=preact)
            channels = filters
        stages[f"stage{stage + 1}"] = in_order(**residuals)
    last = {"norm": norm.channels(channels), "activation": activation_layer(config.activation)} if preact else {}
    return in_order(
        stem=in_order(**stem),
        **stages,
        **last,
        pool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        dropout=dropout_layer(config.dropout, config.activation),
        head=nn.Linear(channels, outputs),
    )


def _residual(blocks: tuple[int, ...], width: int, preact: bool) -> Architecture:
    layers = 2 * sum(blocks) + 2
    each = count(blocks[0], "block")
    paper = "pre-activation, He et al. 2016b" if preact else "He et al. 2016a"
    return Architecture(
        build=partial(_build, blocks=blocks, preact=preact),
        about=f"residual network of {layers} layers, {len(blocks)} stages of {each} ({paper})",
        activation="relu",
        norm="batch",
        width=width,
        width_means="channels of the first stage; each stage has twice as many as the one before",
        dropout="before the linear layer",
        knows=("skip",),
    )


_BLOCKS = {8: (1,) * 3, 14: (2,) * 3, 20: (3,) * 3, 32: (5,) * 3, 56: (9,) * 3, 18: (2,) * 4}
"""Blocks of every stage, by the number of layers."""

RESNETS: dict[str, Architecture] = {
    f"{'preact-' * preact}resnet-{layers}": _residual(blocks, 64 if layers == 18 else 16, preact)
    for preact in (False, True)
    for layers, blocks in _BLOCKS.items()
}
