"""This machine's addresses in its networks, as Linux tells them."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from array import array

_GET_ALL = 0x8912  # SIOCGIFCONF
_GET_MASK = 0x891B  # SIOCGIFNETMASK
_MOST = 256
_ENTRY = struct.Struct("16s16s8x")  # struct ifreq: the interface's name, a sockaddr_in, the rest of a union
_IN = struct.Struct("2xH4s8x")


def addresses() -> list[ipaddress.IPv4Interface]:
    """Every IPv4 address of an interface that is up, several of one interface too, with its network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        room = array("B", bytes(_MOST * _ENTRY.size))
        where, _ = room.buffer_info()
        filled = fcntl.ioctl(sock, _GET_ALL, struct.pack("iP", len(room), where))
        (size,) = struct.unpack_from("i", filled)
        found = []
        for name, told in _ENTRY.iter_unpack(room.tobytes()[: size - size % _ENTRY.size]):
            asked = fcntl.ioctl(sock, _GET_MASK, struct.pack("16s24x", name))
            address, mask = (ipaddress.IPv4Address(_IN.unpack(one)[1]) for one in (told, asked[16:32]))
            found.append(ipaddress.IPv4Interface(f"{address}/{mask}"))
    return found
