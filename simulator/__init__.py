"""A vCenter that speaks the real wire protocol, with faults on demand: for the demo, load and chaos.

The way of a request: ``vcenter`` (HTTP, TLS) -> ``service`` (sessions, dispatch) -> ``*_methods`` -> ``properties``,
``collector``, ``perf`` -> ``model``. ``wire``, ``data`` and ``queryperf`` make and read the XML; ``inventory`` builds
the model; ``faults`` and ``misbehaviour`` are what goes wrong; ``control`` and ``__main__`` are for other processes.
``tasks`` and ``events`` are what the vCenter tells of its past; ``agenda`` is the time in which all of it happens;
``churn`` is life; ``openstack`` is the cloud that lives upon the vCenter.
"""
