"""Programs that measure speed, memory and quality beside gensim.

Each runs in the root of the repository as `python -m benchmarks.NAME`; the Makefile has a target for most of them.
"""
