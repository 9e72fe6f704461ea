"""The measured record: what the agent measured, gathered per day (UTC) and kept in its state."""
