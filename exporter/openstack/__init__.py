"""OpenStack: session and nova talk; decode, tasks and operations understand."""
