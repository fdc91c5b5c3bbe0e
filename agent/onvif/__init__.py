"""IPC channels: where an ONVIF device's streams are.

`profiles` chooses among what a device offers (no I/O), `messages` is what the daemon and a conversation say to each
other, `conversation` holds it with the device (a process of its own, the only module that imports the ONVIF library),
`devices` starts it for the daemon and remembers the answers, `discovery` finds devices on request.
"""
