"""Deep double descent: test loss against size, time and samples, and what that means for a training of one's own.

`study` reads the options, `setting` fixes what is trained, `axes` and `regime` ask the questions, `networks` and
`random_features` train, `least_squares` solves, `shape` finds thresholds and peaks, `words` says what they are.
"""

from goodfit.studies.double_descent.study import OPTIONS, double_descent

__all__ = ["OPTIONS", "double_descent"]
