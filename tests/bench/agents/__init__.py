"""The measured agents. Each module is run as a process of its own and is told what to do line by line."""
