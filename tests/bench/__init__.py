"""The benchmark: ``make bench`` starts the simulator and every measured agent, each in a process of its own.

It writes ``bench/latest.json`` and prints the ratios. It is never a test: no figure fails a build.
"""
