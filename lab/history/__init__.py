"""
What the nights before tonight were like, and what tonight is beside them.

The history is the runs' directories themselves; the index only saves reading them again. All but
:mod:`lab.history.index` and :mod:`lab.history.export` is pure.
"""
