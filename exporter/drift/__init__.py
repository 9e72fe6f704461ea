"""Mapping drift: what OpenStack is configured to find in vSphere, against what is there."""
