"""What is wrong with this agent, where, and what to do: found without the daemon, and with its help where it runs.

`findings` is what a check says, `phrases` how people are told, `examine` runs all checks; each of the others is one
place to look: `places` (folders, disk, lock, journal), `clock`, `server`, `service` (systemd), `cameras`.
"""
