"""Where the log of the SLA engine lives: in memory, in SQLite, or in PostgreSQL for several replicas."""
