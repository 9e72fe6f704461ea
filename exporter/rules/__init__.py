"""Prometheus rules that follow from thresholds, policy and configuration: a module for each file of them. Pure."""
