"""Long trials of the daemon: what a folder that is watched for years will see. In CI they run in a short version."""
