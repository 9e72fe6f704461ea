"""A vCenter that speaks the real wire protocol, with faults on demand: for the demo, load and chaos."""
