"""IPC channels: where an ONVIF device's streams are.

`soap`, `device_clock` and `profiles` have no I/O: envelopes and answers, and the choice among what a device offers.
`line` is HTTP to a device, `device` its services and calls, `offers` its profiles; `streams`, `settings` and `presets`
are what is wanted of it, `library` the second opinion on a device that cannot be understood. `conversation` holds all
that with it in a process of its own; `messages` is what that and the daemon say to each other, `conversations` starts
it for the daemon, `devices` remembers the answers. `discovery` finds devices on request.
"""
