"""Alertmanager, both ways: alerts and silences come in, incidents go out. One file talks, one loop decides when."""
