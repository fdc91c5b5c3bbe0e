"""Our own MP4: fragments while a file grows, an ordinary index when it is closed, and how much of a torn one is whole.

ISO/IEC 14496-12 tells the boxes; how tracks are described (`stsd` and its neighbours) comes from libavformat, as it is.

payload        what a packet's bytes become in a file
description    libavformat's part of the header
samples        one track: its runs in fragments, its tables in the index
index          `moov`, open and closed
writer         fragments, and the end
survey, sums   how much of a torn file is whole
"""
