"""Evaluation: metrics, the one scorer that serves validation and test, and its summary."""
