"""FastDFS.

`storage` is the kind, `trackers` says who takes a file, `notes` remembers those that broke off; `line` is a connection,
`wire` the frames on it, without I/O.
"""
