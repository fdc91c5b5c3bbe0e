"""Finished recordings on this machine's disk, on their way out.

`uploads` brings them to a storage, oldest lesson first; `disk` says which may go, `disk_keeper` looks and removes,
`media` is the folder itself. `checkup` holds journal and files against each other, `view` is the queue file by file.
"""
