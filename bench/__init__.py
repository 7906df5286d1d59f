"""Benchmarks: ratios taken in one run on one machine, printed as JSON. Never part of the tests."""
