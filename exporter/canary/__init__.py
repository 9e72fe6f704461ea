"""The canary gate's shell: runs and evidence are stored, judged by the hour, shown as metrics and by a command."""
