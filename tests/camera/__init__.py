"""A camera in a thread: RTSP over TCP and UDP, with frames that can be told apart, and faults by script."""
