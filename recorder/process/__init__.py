"""The recorder process.

`forkserver` forks it, made ready by `warmup` and `allocator`; its main thread is `worker`.
`watcher` and `snapshots` say when a picture is looked at or taken, `probe` looks at a camera that is none yet.
"""
