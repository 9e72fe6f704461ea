"""Who governs each virtual machine: Nova, another tool, or somebody by hand."""
