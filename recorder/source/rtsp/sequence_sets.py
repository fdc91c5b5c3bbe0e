"""What a sequence parameter set says that a recorder must know before it has seen a picture: size, frame order, and
what stands in `avcC` and `hvcC`.

H.264: 7.3.2.1.1 and E.1.1; H.265: 7.3.2.2.1.  Sizes are those of the pictures shown, cropping taken off.
"""

from __future__ import annotations

from dataclasses import dataclass

_HIGH_PROFILES = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
_NO_REORDERING = frozenset((66,))  # baseline
_INTRA_ONLY = frozenset((44, 86, 100, 110, 122, 244))
_EXTENDED_ASPECT = 255
_MOST_SIDE = 16_384


class BadSet(Exception):
    """A parameter set that ends early or says what cannot be."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """`reorder`: how many pictures may stand in front of one in the stream and behind it in time; None: not told."""

    width: int
    height: int
    reorder: int | None
    chroma: int = 1
    luma_bits: int = 8
    chroma_bits: int = 8
    sub_layers: int = 1
    nested: bool = False


def h264_sequence(unit: bytes) -> Sequence:
    """Of an H.264 SPS, NAL header included. Raises `BadSet`."""
    bits = _Bits(_unescaped(unit[1:]))
    profile, constraints = bits.u(8), bits.u(8)
    bits.u(8)
    bits.ue()
    chroma, luma_bits, chroma_bits, separate = 1, 8, 8, 0
    if profile in _HIGH_PROFILES:
        chroma = bits.ue()
        separate = bits.u(1) if chroma == 3 else 0
        luma_bits, chroma_bits = 8 + bits.ue(), 8 + bits.ue()
        bits.u(1)
        if bits.u(1):
            for number in range(12 if chroma == 3 else 8):
                if bits.u(1):
                    _skip_scaling_list(bits, 16 if number < 6 else 64)
    bits.ue()
    order_type = bits.ue()
    if order_type == 0:
        bits.ue()
    elif order_type == 1:
        bits.u(1)
        bits.se()
        bits.se()
        for _ in range(min(bits.ue(), 255)):
            bits.se()
    bits.ue()
    bits.u(1)
    columns, rows = bits.ue() + 1, bits.ue() + 1
    frames_only = bits.u(1)
    if not frames_only:
        bits.u(1)
    bits.u(1)
    crop = [bits.ue() for _ in range(4)] if bits.u(1) else [0] * 4
    reorder = _h264_reorder(bits) if bits.u(1) else None
    if order_type == 2 or profile in _NO_REORDERING or (profile in _INTRA_ONLY and constraints & 0x10):
        reorder = 0
    fields = 2 - frames_only
    width_unit = 2 if chroma in (1, 2) and not separate else 1
    height_unit = (2 if chroma == 1 and not separate else 1) * fields
    width = columns * 16 - (crop[0] + crop[1]) * width_unit
    height = rows * 16 * fields - (crop[2] + crop[3]) * height_unit
    return _checked(Sequence(width, height, reorder, chroma, luma_bits, chroma_bits))


def h265_sequence(unit: bytes) -> Sequence:
    """Of an H.265 SPS, NAL header included. Raises `BadSet`."""
    bits = _Bits(_unescaped(unit[2:]))
    bits.u(4)
    layers = bits.u(3) + 1
    nested = bool(bits.u(1))
    _skip_profile_tier_level(bits, layers)
    bits.ue()
    chroma = bits.ue()
    if chroma == 3:
        bits.u(1)
    width, height = bits.ue(), bits.ue()
    if bits.u(1):
        crop = [bits.ue() for _ in range(4)]
        width -= (crop[0] + crop[1]) * (2 if chroma in (1, 2) else 1)
        height -= (crop[2] + crop[3]) * (2 if chroma == 1 else 1)
    luma_bits, chroma_bits = 8 + bits.ue(), 8 + bits.ue()
    bits.ue()
    reorder = 0
    for _ in range(layers if bits.u(1) else 1):
        bits.ue()
        reorder = bits.ue()  # that of the highest layer counts
        bits.ue()
    return _checked(Sequence(width, height, reorder, chroma, luma_bits, chroma_bits, layers, nested))


def profile_tier_level(unit: bytes) -> bytes:
    """The 12 bytes of an H.265 SPS that stand in `hvcC` as they are: general profile, tier, constraints, level."""
    found = _unescaped(unit[2:])[1:13]
    if len(found) < 12:
        raise BadSet("an SPS that ends early")
    return found


def _checked(sequence: Sequence) -> Sequence:
    if not (0 < sequence.width <= _MOST_SIDE and 0 < sequence.height <= _MOST_SIDE):
        raise BadSet(f"a picture of {sequence.width}x{sequence.height}")
    if sequence.reorder is not None and sequence.reorder > 16:
        raise BadSet(f"{sequence.reorder} pictures out of order")
    if sequence.chroma > 3 or sequence.luma_bits > 16 or sequence.chroma_bits > 16:
        raise BadSet("a picture format that does not exist")
    return sequence


def _h264_reorder(bits: _Bits) -> int | None:
    """`max_num_reorder_frames` at the end of the VUI (E.1.1)."""
    if bits.u(1) and bits.u(8) == _EXTENDED_ASPECT:
        bits.u(32)
    if bits.u(1):
        bits.u(1)
    if bits.u(1):
        bits.u(4)
        if bits.u(1):
            bits.u(24)
    if bits.u(1):
        bits.ue()
        bits.ue()
    if bits.u(1):
        bits.u(32)
        bits.u(32)
        bits.u(1)
    hypothetical = False
    for _ in range(2):
        if bits.u(1):
            hypothetical = True
            count = bits.ue() + 1
            bits.u(8)
            for _ in range(min(count, 32)):
                bits.ue()
                bits.ue()
                bits.u(1)
            bits.u(20)
    if hypothetical:
        bits.u(1)
    bits.u(1)
    if not bits.u(1):
        return None
    bits.u(1)
    for _ in range(4):
        bits.ue()
    return bits.ue()


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _skip_profile_tier_level(bits: _Bits, layers: int) -> None:
    bits.u(88)
    bits.u(8)
    present = [(bits.u(1), bits.u(1)) for _ in range(layers - 1)]
    if layers > 1:
        bits.u(2 * (9 - layers))
    for profile, level in present:
        bits.u(88 * profile + 8 * level)


def _unescaped(data: bytes) -> bytes:
    """Without emulation prevention (7.3.1): a 3 behind two zeros goes."""
    if b"\x00\x00\x03" not in data:
        return data
    out, zeros = bytearray(), 0
    for byte in data:
        if zeros >= 2 and byte == 3:
            zeros = 0
            continue
        zeros = zeros + 1 if byte == 0 else 0
        out.append(byte)
    return bytes(out)


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def u(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise BadSet("a parameter set that ends early")
        return self._value >> self._left & (1 << count) - 1

    def ue(self) -> int:
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 32:
                raise BadSet("a number without an end")
        return (1 << zeros) - 1 + (self.u(zeros) if zeros else 0)

    def se(self) -> int:
        value = self.ue()
        return (value + 1) // 2 if value & 1 else -(value // 2)
