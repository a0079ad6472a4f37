"""Back-propagation by hand: the worked example's numbers, autograd on random networks, and formulas that mean what they say."""

import math
import re
from itertools import pairwise

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from matplotlib.mathtext import MathTextParser

from goodfit.byhand.activation_rules import ACTIVATION_RULES
from goodfit.byhand.backpropagation import Explanation, Step, explain
from goodfit.byhand.loss_rules import LOSS_RULES
from goodfit.byhand.network import EXAMPLE_X, EXAMPLE_Y, Network, draw_sample, make_network
from goodfit.byhand.notation import Quantity, translate
from goodfit.errors import GoodfitError
from goodfit.nn import ACTIVATIONS
from goodfit.randomness import numpy_generator
from goodfit.report.explain_latex import latex_explanation
from goodfit.report.explain_page import SECTIONS, remarks, render_explanation
from goodfit.report.formulas import to_html, to_latex


def test_the_worked_example() -> None:
    explanation = explain(make_network(), EXAMPLE_X, EXAMPLE_Y, eta=0.1)
    step = explanation.steps[0]
    expected = {
        "h1": 1.0, "h2": 0.95, "y'": 2.9, "L": 2.205, "dL/dy'": 2.1, "dL/dw1": 1.05, "dL/dw2": 2.1, "dL/dw3": 2.1,
        "dL/dw4": 4.2, "dL/dw5": 2.1, "dL/dw6": 1.995, "dy'/dh2": 2.0, "dh1/dw1": 0.5,
    }  # fmt: skip
    assert {name: step.values[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    assert explanation.network.weights == pytest.approx((0.895, 0.29, 0.29, 0.28, 0.79, 1.8005), abs=1e-9)
    after = {line.name: line.value for line in explanation.after}
    assert after["y'"] == pytest.approx(1.3478375, abs=1e-9)
    assert after["L"] == pytest.approx((1.3478375 - 0.8) ** 2 / 2, abs=1e-9)
    path = next(line for line in step.paths if line.name == "dL/dw1")
    assert (path.formula, path.numbers) == ("dL/dy' · dy'/dh1 · dh1/dw1", "2.1 · 1 · 0.5")


def test_the_slip_in_the_published_numbers_is_named() -> None:
    """Printed: w2 = 0.895 and y' = 1.3478 after the step; they do not go together."""
    network = make_network()
    after = explain(network, EXAMPLE_X, EXAMPLE_Y, eta=0.1).network.weights
    for w2, output in ((after[1], 1.3478375), (0.895, 1.3478375 + 0.79 * (0.895 - 0.29))):
        w1, _, w3, w4, w5, w6 = after
        assert w5 * (w1 * 0.5 + w2) + w6 * (w3 * 0.5 + w4) == pytest.approx(output, abs=1e-9)
    assert any("prints w2 = 0.895" in remark and "w2 = 0.29" in remark for remark in remarks(network))
    assert not remarks(make_network(weights=(1.0, 0.5, 0.5, 0.7, 1.0, 2.5)))


def test_latex_breaks_long_equations() -> None:
    network = make_network((9, 2, 2), activation="mish", loss="cross-entropy", biases="random")
    document = latex_explanation(explain(network, *draw_sample(network)))
    rows = [row.strip() for row in document.splitlines() if "&" in row and "w_{" in row]
    terms = [row.count(r"\cdot") for row in rows]
    assert max(terms) <= 9 and any(row.startswith(r"&\quad +") for row in rows)


def test_a_published_example() -> None:
    """Mazur 2015, "A step by step backpropagation example", which prints these numbers."""
    network = make_network(
        (2, 2, 2), (0.15, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5, 0.55), (0.35, 0.35, 0.6, 0.6), "sigmoid", "sigmoid"
    )
    explanation = explain(network, (0.05, 0.10), (0.01, 0.99), eta=0.5)
    assert explanation.steps[0].loss == pytest.approx(0.298371109, abs=1e-9)
    updated = (0.149780716, 0.19956143, 0.24975114, 0.29950229, 0.35891648, 0.408666186, 0.511301270, 0.561370121)
    assert explanation.network.weights == pytest.approx(updated, abs=5e-9)


def autograd(network: Network, x: tuple[float, ...], y: tuple[float, ...]) -> tuple[float, list[float]]:
    """Loss, and its derivative by every weight and bias, from PyTorch."""
    weights = torch.tensor(network.weights, dtype=torch.float64, requires_grad=True)
    biases = torch.tensor(network.biases, dtype=torch.float64, requires_grad=True)
    h, target = torch.tensor(x, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)
    w, b = 0, 0
    for (n, m), activation in zip(pairwise(network.widths), network.activations, strict=True):
        h = weights[w : w + n * m].view(m, n) @ h
        h = ACTIVATIONS[activation](h + biases[b : b + m] if len(biases) else h)
        w, b = w + n * m, b + m
    loss = {
        "half-squared-error": lambda: 0.5 * (h - target).square().sum(),
        "mean-squared-error": lambda: torch.nn.functional.mse_loss(h, target),
        "cross-entropy": lambda: torch.nn.functional.cross_entropy(h, target),
    }[network.loss]()
    wanted = [weights, biases] if len(biases) else [weights]
    return loss.item(), torch.cat(torch.autograd.grad(loss, wanted)).tolist()


@st.composite
def explanations(draw: st.DrawFn) -> Explanation:
    """Two steps on a random network and sample; the weights come from a seed, so that no sum is exactly at a kink."""
    loss = draw(st.sampled_from(sorted(LOSS_RULES)))
    widths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    widths.append(draw(st.integers(2 if loss == "cross-entropy" else 1, 4)))
    names = st.sampled_from(sorted(ACTIVATION_RULES))
    hidden = [draw(names) for _ in widths[1:-1]]
    random = numpy_generator(draw(st.integers(0, 10**6)), "test")
    scale = draw(st.sampled_from([0.3, 1.0, 2.0]))

    def normals(n: int) -> list[float]:
        return (scale * random.normal(size=n)).tolist()

    weights = normals(sum(n * m for n, m in pairwise(widths)))
    biases = normals(sum(widths[1:])) if draw(st.booleans()) else "none"
    network = make_network(widths, weights, biases, hidden, draw(names), loss)
    if loss == "cross-entropy":
        shares = random.dirichlet([1.0] * widths[-1])
        y = (shares / shares.sum()).tolist() if draw(st.booleans()) else draw_sample(network)[1]
    else:
        y = normals(widths[-1])
    explanation = explain(network, normals(widths[0]), y, eta=0.01, steps=2)
    sums = [value for step in explanation.steps for name, value in step.values.items() if name.startswith("z")]
    assume(all(sums))  # behind dead units without bias: at exactly 0 there are several derivatives
    return explanation


@settings(max_examples=150, deadline=None)
@given(explanations())
def test_equals_autograd(explanation: Explanation) -> None:
    for step, following in zip(explanation.steps, [explanation.steps[1].network, explanation.network], strict=True):
        loss, gradients = autograd(step.network, explanation.x, explanation.y)
        assert step.loss == pytest.approx(loss, rel=1e-9, abs=1e-9)
        ours = [line.value for line in step.gradients]
        assert ours == pytest.approx(gradients, rel=1e-9, abs=1e-9)
        before, after = ([*n.weights, *n.biases] for n in (step.network, following))
        assert after == pytest.approx(
            [w - 0.01 * g for w, g in zip(before, gradients, strict=True)], rel=1e-9, abs=1e-9
        )
        by_path = {line.name: line.value for line in step.paths}
        assert by_path == pytest.approx({name: step.values[name] for name in by_path}, rel=1e-9, abs=1e-9)


def meaning(formula: str, values: dict[str, float]) -> float:
    """What a formula says, worked out by Python."""
    words = {"·": "*", "−": "-", "²": "**2", "½": "0.5", "ln": "log", "σ": "sigma", "Φ": "Phi", "φ": "phi"}
    text = translate(
        formula, derivative=lambda name, *_: f"({values[name]!r})", symbol=lambda name: f"({values[name]!r})",
        function=lambda name: words.get(name, name), sign=words.__getitem__,
    )  # fmt: skip
    known = {
        "exp": math.exp, "log": math.log, "tanh": math.tanh, "sigma": lambda z: 1 / (1 + math.exp(-z)),
        "Phi": lambda z: 0.5 * math.erfc(-z / math.sqrt(2)), "phi": lambda z: math.exp(-z * z / 2) / math.sqrt(2 * math.pi),
    }  # fmt: skip
    return float(eval(text, {"__builtins__": {}}, known))


@settings(max_examples=60, deadline=None)
@given(explanations())
def test_formulas_mean_their_values(explanation: Explanation) -> None:
    for step in explanation.steps:
        for name in SECTIONS:
            for line in getattr(step, name):
                said = meaning(line.formula, step.values | {"η": explanation.eta})
                # constants such as selu's are shown with seven digits
                assert said == pytest.approx(line.value, rel=1e-5, abs=1e-5), line
                assert not re.search(r"[a-zL]'?\d", re.sub(r"[\d.]+e-\d+", "", line.numbers)), line


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_every_activation_has_its_rule(name: str) -> None:
    rule = ACTIVATION_RULES[name]
    z = torch.tensor([-40.0, -3.0, -0.4, 1e-3, 0.7, 5.0, 800.0], dtype=torch.float64, requires_grad=True)
    value = ACTIVATIONS[name](z)
    (slope,) = torch.autograd.grad(value.sum(), z)
    at = [(rule.at(point), point) for point in z.tolist()]
    assert [branch.value(point) for branch, point in at] == pytest.approx(value.tolist(), rel=1e-9, abs=1e-12)
    assert [branch.slope(point) for branch, point in at] == pytest.approx(slope.tolist(), rel=1e-9, abs=1e-12)
    assert set(ACTIVATION_RULES) == set(ACTIVATIONS)


@settings(max_examples=15, deadline=None)
@given(explanations())
def test_latex_is_well_formed(explanation: Explanation) -> None:
    document = latex_explanation(explanation)
    assert document.isascii()
    document = document.replace(r"\\", " ")
    depth = 0
    for sign in re.findall(r"(?<!\\)[{}]", document):
        depth += 1 if sign == "{" else -1
        assert depth >= 0
    assert depth == 0
    open_: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+\*?)\}", document):
        if kind == "begin":
            open_.append(name)
        else:
            assert open_.pop() == name
    assert not open_
    assert len(re.findall(r"(?<!\\)\$", document)) % 2 == 0


@pytest.mark.parametrize("activation", sorted(ACTIVATION_RULES))
def test_latex_formulas_parse(activation: str) -> None:
    network = make_network((1, 2, 2), activation=activation, loss="cross-entropy", biases="random")
    document = latex_explanation(explain(network, (0.5,), (0.0, 1.0)))
    parser = MathTextParser("path")
    lines = [
        line for block in re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end", document, re.S) for line in block.split("\n")
    ]
    assert all(line.count("&") == 1 for line in lines)
    for line in [line for line in lines if "z_" in line or "p_" in line]:
        parser.parse("$" + line.removesuffix(r"\\").replace("&", "").strip() + "$")


def test_formulas_as_html_and_latex() -> None:
    assert to_latex("−y'1 · dL/dw12 + 1e-05 · σ(z21)²") == (
        r"-y'_{1} \cdot \frac{\partial L}{\partial w_{12}} + 1 \cdot 10^{-5} \cdot \sigma(z_{21})^{2}"
    )
    assert to_html("dL/dw12 · exp(z1) ≤ 1") == "∂<i>L</i>/∂<i>w</i><sub>12</sub> · exp(<i>z</i><sub>1</sub>) ≤ 1"


def test_page() -> None:
    network = make_network((2, 3, 2), activation="relu", loss="cross-entropy", biases="zeros")
    page = render_explanation(explain(network, *draw_sample(network), eta=0.5, steps=3))
    assert page.count("<section") == 3 and page.count(" hidden>") == 2
    assert page.count("<svg") == 4 and "lets no gradient through" in page
    assert "http://" not in page.replace("http://www.w3.org/", "")
    wide = make_network((5, 2, 1), activation="tanh")
    assert "in the table only" in render_explanation(explain(wide, *draw_sample(wide)))


def lines_of(step: Step) -> list[Quantity]:
    return [line for name in SECTIONS for line in getattr(step, name)]


def test_every_weight_has_gradient_local_derivative_and_update() -> None:
    network = make_network((3, 4, 3, 2), activation=["tanh", "selu"], loss="cross-entropy", biases="random")
    step = explain(network, *draw_sample(network)).steps[0]
    names = [line.name for line in lines_of(step)]
    for parameter in [f"w{k}" for k in range(1, 31)] + [f"b{k}" for k in range(1, 10)]:
        assert names.count(parameter) == 1 and f"dL/d{parameter}" in names
        assert sum(name.endswith(f"/d{parameter}") and not name.startswith("dL") for name in names) == 1
    assert [line.name for line in step.paths] == [f"dL/dw{k}" for k in range(13, 31)]  # the first layer's have 6 paths


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"widths": (2, 2, 1), "weights": (1.0, 2.0)}, "2 weights given, but a network of widths 2,2,1 has 6"),
        ({"widths": (2, 30, 1)}, "too large to follow by hand"),
        ({"widths": (2,)}, "give inputs, hidden neurons and outputs"),
        ({"widths": (2, 0, 1)}, "each at least 1"),
        ({"activation": "sigmoyd"}, "did you mean 'sigmoid'"),
        ({"activation": ["tanh", "relu"]}, "2 activations given for 1 hidden layer"),
        ({"loss": "hinge"}, "unknown loss 'hinge'"),
        ({"loss": "cross-entropy"}, "needs at least 2 outputs"),
        ({"biases": (1.0,)}, "1 bias given, but a network of widths 2,2,1 has 3"),
        ({"biases": "ones"}, "none, zeros or random"),
        ({"weights": (math.nan,) * 6}, "not finite"),
    ],
)
def test_mistakes_in_a_network(arguments: dict, message: str) -> None:
    with pytest.raises(GoodfitError, match=re.escape(message)):
        make_network(**arguments)


def test_mistakes_in_a_sample() -> None:
    network = make_network((2, 2, 2), loss="cross-entropy")
    for x, y, options, message in (
        ((1.0,), (0.0, 1.0), {}, "1 input given"),
        ((1.0, 2.0), (0.5, 1.0), {}, "no distribution over classes"),
        ((1.0, 2.0), (0.0, 1.0), {"steps": 0}, "0 steps"),
        ((1.0, 2.0), (0.0, 1.0), {"eta": -1.0}, "a learning rate of -1.0"),
        ((1e300, 2e300), (0.0, 1.0), {"eta": 1e300}, "too large to calculate with"),
    ):
        with pytest.raises(GoodfitError, match=message):
            explain(network, x, y, **options)  # type: ignore[arg-type]
