"""Storage and queue: the server's disk, and what agents have not delivered yet and why."""
