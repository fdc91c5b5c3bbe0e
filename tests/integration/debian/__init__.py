"""The package on a Debian of its own: `booted` starts one, `school` is the server in it."""
