"""What a cloud really offers to servers on VMware hosts, as a checked table with a score."""
