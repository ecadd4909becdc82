"""Comparing systems on a domain's suites, with what a user would build without SAM beside them."""
