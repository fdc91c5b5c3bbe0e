"""Sources: where packets come from.

A source is the interface `base.Source`; `libav` opens network streams through PyAV, `mp4_camera` plays a file as a
looped camera, `opening` picks one for a `SourceSpec`.  The next reader (an RTSP front end of our own) is one more
module here.
"""
