"""Fuzzing of what takes input from strangers: `python -m tests.fuzz --minutes 60`.

`targets` says for each kind of input what must hold, `port` does so for a real process's port. `guided` runs
a target under atheris, which keeps what reaches new code. What was found is in `corpus`, and tried again by
the unit tier.
"""
