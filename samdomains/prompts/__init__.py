"""Simulated prompts: boxes, points, coarse masks and corrections, made from ground truth.

Everything is in the pixel frame of the mask that is given; numpy and scipy only.
"""
