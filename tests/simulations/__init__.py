"""
How often the lab is wrong, found by simulation through its own code.

Nothing of the statistics is repeated here: noise is made, and given to
:func:`lab.stats.effect.compare_all` and :func:`lab.analysis.analyse` as the bench would. There is a
section for each goal; short forms of them are unit tests, the long ones make docs/statistics.md
(`nox -s statistics`).
"""
