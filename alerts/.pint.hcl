# Checks by cloudflare's pint (tools/pint.sh): those that need no server. Metric names are checked by tests/test_rules.py.
parser {
  schema = "prometheus"
  names  = "utf-8"
}

rule {
  match {
    kind = "alerting"
  }
  annotation "summary" {
    severity = "bug"
    required = true
  }
  annotation "description" {
    severity = "bug"
    required = true
  }
  annotation "runbook_url" {
    severity = "bug"
    required = true
  }
  label "severity" {
    severity = "bug"
    value    = "(critical|warning|info|none)"
    required = true
  }
}

# The dead man's switch is to fire always.
rule {
  match {
    name = "NovacenterWatchdog"
  }
  disable = ["alerts/comparison"]
}
