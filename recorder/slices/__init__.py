"""Recordings on disk: from packets to finished slices.

`writer` shows each `recording` each packet; `slicer` says where to cut, `coverage` what is missing, `slice_file` is one
file, with what `slice_meta` says about it; `finisher` takes the last steps, `repair` those that a crash left out.
"""
