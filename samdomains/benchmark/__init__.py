"""Benchmark suites: systems compared on a domain's data sets."""
