"""Compiled loops (numba, from plain Python source): what the resident kernel runs between two visits to Python.

Every function releases the GIL and works for one network on one thread. Results do not depend on memory alignment
or on other networks: elementwise loops are compiled without re-association, sums have a fixed order, and matrix
products run on one thread.
"""
