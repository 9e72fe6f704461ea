"""The shell: reads vCenter and OpenStack, publishes Prometheus metrics, and feeds the SLA core."""
