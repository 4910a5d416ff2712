"""Measurements, as ratios to the same done by hand, in one run on one machine."""
