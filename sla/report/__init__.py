"""The report: what the log says about a period, as numbers, as a JSON document, and as pages made from that."""
