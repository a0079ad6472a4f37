"""Back-propagation as a LaTeX document: the graph in TikZ, every line of the calculation in aligned equations."""

import re
from collections.abc import Sequence

from goodfit.byhand.backpropagation import Explanation, Step, input_names
from goodfit.byhand.network import written
from goodfit.byhand.notation import SYMBOL, Quantity, tidy
from goodfit.report.explain_page import SECTIONS, remarks, title_of
from goodfit.report.formulas import right_sides, to_latex
from goodfit.report.network_layout import label_share, lay_out

PREAMBLE = r"""\documentclass{article}
\usepackage[a4paper, margin=2cm]{geometry}
\usepackage{amsmath}
\usepackage{graphicx}
\usepackage{tikz}
\allowdisplaybreaks
\begin{document}
"""
LONGEST = 90
"""Characters of an equation that fit on one line, a derivative counted as `DERIVATIVE`; longer ones are continued below."""
DERIVATIVE = "dy/dx"
MOST_ROWS = 30
"""Losses listed; of more steps an even selection."""
_BELOW = " \\\\\n  &"
_WORDS = {"η": r"$\eta$", "σ": r"$\sigma$", "Φ": r"$\Phi$", "φ": r"$\varphi$", "−": "$-$", "²": "$^2$"}


def latex_explanation(explanation: Explanation) -> str:
    """Return a document in ASCII that needs `amsmath`, `graphicx` and `tikz`: the first step in full, then all losses."""
    step, network = explanation.steps[0], explanation.network
    parts = [PREAMBLE, rf"\section*{{{_words(title_of(network))}}}"]
    parts.append(
        f"Sample $x = ({written(explanation.x)})$, target $y = ({written(explanation.y)})$, "
        rf"learning rate $\eta = {to_latex(tidy(explanation.eta))}$."
    )
    parts += [_words(f"{remark}.") for remark in remarks(network)]
    parts.append(_graph(step))
    for name, (title, remark) in SECTIONS.items():
        if lines := getattr(step, name):
            parts += [rf"\subsection*{{{_words(title)}}}", _words(remark), _aligned(lines, new=name == "updates")]
    if len(explanation.steps) == 1:
        parts += [r"\subsection*{Forward again, after the step}", _aligned(explanation.after)]
    parts += [r"\subsection*{The loss}", _losses(explanation.losses), r"\end{document}"]
    return "\n\n".join(part for part in parts if part) + "\n"


def _aligned(lines: Sequence[Quantity], new: bool = False) -> str:
    """Return one equation a line; `new` marks the left sides as values after the update."""
    return "\\begin{align*}\n" + " \\\\\n".join(_equation(line, new) for line in lines) + "\n\\end{align*}"


def _equation(line: Quantity, new: bool) -> str:
    left = to_latex(line.name) + (r"^{\text{new}}" if new else "")
    value, note = tidy(line.value), f" ({line.note})" if line.note else ""
    sides = [*right_sides(line), *([] if value == line.numbers else [value])]
    together = _length(" = ".join([line.name, *sides]) + note) <= LONGEST
    right = (" = " if together else _BELOW + "= ").join(map(_folded, sides))
    return f"  {left} &= {right}" + (rf" \quad ({to_latex(line.note)})" if line.note else "")


def _folded(side: str) -> str:
    """Return one side of an equation; of a sum that is too long every line begins with a plus."""
    rows = [""]
    for term in side.split(" + "):
        longer = f"{rows[-1]} + {term}" if rows[-1] else term
        rows = [*rows[:-1], longer] if _length(longer) <= LONGEST or not rows[-1] else [*rows, term]
    return (_BELOW + r"\quad + ").join(map(to_latex, rows))


def _length(text: str) -> int:
    return len(re.sub(rf"d{SYMBOL}/d{SYMBOL}", DERIVATIVE, text))


def _graph(step: Step) -> str:
    """Return the network as a TikZ picture, no wider than the text and no higher than a page; derivatives in orange."""
    network, layout = step.network, lay_out(step.network.widths)
    names = [input_names(network), *network.names("h")]
    lines = [r"\begin{center}", r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%"]
    lines.append(r"\resizebox*{!}{\ifdim\totalheight>0.8\textheight 0.8\textheight\else\totalheight\fi}{%")
    lines.append(
        r"\begin{tikzpicture}[x=1in, y=1in, neuron/.style={circle, draw, minimum size=0.6in, align=center, font=\small},"
    )
    lines.append(r"  tag/.style={fill=white, inner sep=1pt, align=center, font=\scriptsize}]")
    for layer, column in enumerate(layout.places):
        for k, (x, y) in enumerate(column):
            name = names[layer][k]
            inside = rf"${to_latex(name)}$\\${to_latex(tidy(step.values[name], 3))}$"
            lines.append(rf"\node[neuron] (n{layer}-{k}) at ({x:.2f},{y:.2f}) {{{inside}}};")
            if layer:
                lines.append(rf"\node[tag, below] at (n{layer}-{k}.south) {{{_slope(step, name)}}};")
    for layer, biases in enumerate(network.bias_names(), start=1):
        for k, bias in enumerate(biases):
            lines.append(rf"\node[tag, above] at (n{layer}-{k}.north) {{{_both(step, bias)}}};")
    for layer, rows in enumerate(network.weight_names()):
        for j, row in enumerate(rows):
            for k, weight in enumerate(row):
                share = label_share(k, len(row))
                label = "" if share is None else rf"node[tag, pos={share:.2f}] {{{_both(step, weight)}}} "
                lines.append(rf"\draw (n{layer}-{k}) -- {label}(n{layer + 1}-{j});")
    x, y = layout.loss
    lines.append(rf"\node[draw, rounded corners] (loss) at ({x:.2f},{y:.2f}) {{$L = {to_latex(tidy(step.loss, 5))}$}};")
    lines += [rf"\draw (n{len(names) - 1}-{k}) -- (loss);" for k in range(len(names[-1]))]
    return "\n".join([*lines, r"\end{tikzpicture}}}", r"\end{center}"])


def _both(step: Step, name: str) -> str:
    return rf"${to_latex(name)} = {to_latex(tidy(step.values[name], 5))}$\\{_slope(step, name)}"


def _slope(step: Step, name: str) -> str:
    return rf"\textcolor{{orange!70!black}}{{$\partial\ {to_latex(tidy(step.values[f'dL/d{name}'], 5))}$}}"


def _losses(losses: Sequence[float]) -> str:
    """Return the table of losses by steps done."""
    last = len(losses) - 1
    shown = sorted({round(k * last / min(last, MOST_ROWS - 1)) for k in range(min(last, MOST_ROWS - 1) + 1)})
    rows = [rf"{k} & ${to_latex(tidy(losses[k]))}$ \\" for k in shown]
    head = [r"\begin{tabular}{rl}", r"steps done & loss \\", r"\hline"]
    return "\n".join([*head, *rows, r"\end{tabular}"])


def _words(text: str) -> str:
    """Return a sentence with the signs that LaTeX writes another way."""
    for sign, latex in _WORDS.items():
        text = text.replace(sign, latex)
    return text
