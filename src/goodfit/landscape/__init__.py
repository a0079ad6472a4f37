"""Optimisation on functions one can see: functions, methods of descent, verdicts, convexity, constraints."""

from goodfit.landscape.averages import average_over_seeds
from goodfit.landscape.constrained import PROBLEMS, Problem, Solution, find_problem, make_problem, solve
from goodfit.landscape.convexity import Convexity, check_convexity
from goodfit.landscape.critical_points import CriticalPoint, find_critical_points
from goodfit.landscape.descent import Trace, descend
from goodfit.landscape.expression import Expression, parse
from goodfit.landscape.functions import FAMILIES, FUNCTIONS, Landscape, find_function
from goodfit.landscape.methods import METHODS, Method
from goodfit.landscape.order import Speed, measure_order
from goodfit.landscape.verdict import Terrain, Verdict, judge

__all__ = [
    "FAMILIES", "FUNCTIONS", "METHODS", "PROBLEMS", "Convexity", "CriticalPoint", "Expression", "Landscape", "Method",
    "Problem", "Solution", "Speed", "Terrain", "Trace", "Verdict", "average_over_seeds", "check_convexity", "descend",
    "find_critical_points", "find_function", "find_problem", "judge", "make_problem", "measure_order", "parse", "solve",
]  # fmt: skip
