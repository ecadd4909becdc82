"""Labelled images: reading, writing, converting, checking, splitting and augmenting them."""
