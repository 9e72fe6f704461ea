"""The assessment of the integration: gathers what was measured, has it judged, publishes and keeps it."""
