"""exp, expm1, log, log1p, tanh, erf in single precision, written so that the compiler can vectorise them.

The C library's functions are called once for each element; these formulas become vector code and are about ten
times as fast. Polynomials after Cephes (S. Moshier, expf.c, logf.c); relative error below
4e-7. NaN stays NaN, so that a diverged
network is noticed.
"""

import numpy as np

from goodfit.population.compiled.jit import inline

F = np.float32
_LOG2E, _LN2_HIGH, _LN2_LOW = F(1.44269504088896341), F(0.693359375), F(-2.12194440e-4)
_ROUND = F(12582912.0)
"""1.5 * 2^23: adding and subtracting it rounds to the nearest integer."""
_E0, _E1, _E2, _E3, _E4, _E5 = map(
    F, (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
)
_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7, _L8 = map(
    F,
    (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
     2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
)  # fmt: skip
_P0, _P1, _P2, _P3, _P4, _P5, _P6 = map(
    F,
    (4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05, 5.12229709037114e-08, -8.60467152213735e-11,
     2.00018790482477e-13, -2.76076847742355e-16),
)  # fmt: skip
_Q0, _Q1, _Q2, _Q3 = map(F, (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06))
_TANH_END = F(7.90531110763549805)
_EP, _A5, _A4, _A3, _A2, _A1 = map(F, (0.3275911, 1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592))
_N0, _N1, _N2, _N3, _N4, _N5, _N6 = map(
    F,
    (7.853861353153693e-5, -8.010193625184903e-4, 5.188327685732524e-3, -2.685381193529856e-2, 1.128358514861418e-1,
     -3.761262582423300e-1, 1.128379165726710),
)  # fmt: skip
_LOWEST, _HIGHEST = F(-87.0), F(88.0)
_ZERO, _HALF, _ONE, _TWO = F(0), F(0.5), F(1), F(2)
_SQRT_HALF, _SQRT2 = F(0.707106781186547524), F(1.41421356237309505)
_SMALL = F(0.34)


@inline
def _reduced(x):
    """Return the integer n (as float) and r with x = n ln 2 + r."""
    n = (x * _LOG2E + _ROUND) - _ROUND
    return n, (x - n * _LN2_HIGH) - n * _LN2_LOW


@inline
def _exp_rest(r):
    """exp(r) - 1 for |r| <= ln(2)/2."""
    return r + r * r * (((((_E0 * r + _E1) * r + _E2) * r + _E3) * r + _E4) * r + _E5)


@inline
def exp(x):
    """exp(x), held between exp(-87) and exp(88)."""
    x = _LOWEST if x < _LOWEST else x
    x = _HIGHEST if x > _HIGHEST else x
    n, r = _reduced(x)
    power = np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
    return (_exp_rest(r) + _ONE) * power


@inline
def expm1(x):
    """exp(x) - 1, exact near 0."""
    near = _exp_rest(x)
    return near if abs(x) < _SMALL else exp(x) - _ONE


@inline
def log1p(t):
    """log(1 + t) for 0 <= t <= 1."""
    halve = _ONE + t > _SQRT2
    f = _HALF * (t - _ONE) if halve else t
    z = f * f
    p = ((((((((_L0 * f + _L1) * f + _L2) * f + _L3) * f + _L4) * f + _L5) * f + _L6) * f + _L7) * f + _L8) * f * z
    y = f + (p - _HALF * z)
    return y + (_LN2_HIGH + _LN2_LOW) if halve else y


@inline
def tanh(x):
    """tanh(x), as a quotient of polynomials (Eigen's ptanh_float, a minimax fit up to where tanh rounds to 1)."""
    c = -_TANH_END if x < -_TANH_END else x
    c = _TANH_END if c > _TANH_END else c
    z = c * c
    p = c * ((((((_P6 * z + _P5) * z + _P4) * z + _P3) * z + _P2) * z + _P1) * z + _P0)
    return p / (((_Q3 * z + _Q2) * z + _Q1) * z + _Q0)


@inline
def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return _ONE / (_ONE + exp(-x))


@inline
def erf(x):
    """The error function (Cephes ndtrf.c up to 1, Abramowitz & Stegun 7.1.26 above)."""
    a, z = abs(x), x * x
    near = x * ((((((_N0 * z + _N1) * z + _N2) * z + _N3) * z + _N4) * z + _N5) * z + _N6)
    t = _ONE / (_ONE + _EP * a)
    far = _ONE - ((((_A5 * t + _A4) * t + _A3) * t + _A2) * t + _A1) * t * exp(-z)
    far = -far if x < _ZERO else far
    return near if a < _ONE else far
