"""The core: decides and accounts. It has no I/O and no clock, and never imports the shell."""
