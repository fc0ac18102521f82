"""The daemon started by the system at login: a systemd user unit, a launchd agent, or a task of the Windows Task Scheduler."""
