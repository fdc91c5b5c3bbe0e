"""An RTSP reader of our own: a protocol without I/O, and one thread's worth of sockets around it (`source`).

From the wire inward: `framing` cuts a connection into RTSP messages and RTP packets, `dialogue` says what to ask next,
`lane` takes the packets of one track through `ordering`, a depacketiser and `stamps`.
"""
