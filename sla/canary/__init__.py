"""The canary gate: a release runs on a tenth of the workload for seven days and is then judged. Pure."""
