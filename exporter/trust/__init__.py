"""Trust on every edge: who is verified by whom, until when, and how our own server is guarded."""
