"""One stream of a channel, from its source to whoever wants its packets.

`reader` owns the source and connects again; `audio` makes AAC of other sound; `timeline` gives complete, rising stamps,
and `channel_clock` turns them into wall-clock time and back; `feed` holds the `ring` and the queue of who records;
`stream` is all that together, `losses` says in words what the network lost.
"""
