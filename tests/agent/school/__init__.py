"""A simulated school: real agent rooms on simulated time; recorder processes and the server are models of theirs."""
