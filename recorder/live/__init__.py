"""Live on demand: a tap in the recorder process feeds a process of its own, which pushes FLV to a server.

tap        in the recorder: the ring's last key-frame group and what follows, through a bounded queue into a socket
framing    what passes over that socket
push       the live process: one connection to one server, from its first packet to its end
"""
