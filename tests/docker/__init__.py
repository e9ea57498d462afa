"""A Docker engine for checks of what is made and run with Docker, on a machine that has none.

It is Debian's, unpacked and not installed, in a network namespace of its own: its bridges and its rules of
iptables are there, and end with it. Of the machine it changes one rule, for the way out, and gives it back.
"""
