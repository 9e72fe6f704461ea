"""What is expected of the integration, what was measured of it, and whether the two agree. Pure."""
