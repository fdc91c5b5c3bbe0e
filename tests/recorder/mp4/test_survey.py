"""How much of a file is whole, for any prefix of a real one and for noise."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from recorder.mp4.survey import Survey, boxes, survey
from tests import media


def reader(data: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, count: data[offset : offset + count]


@given(data=st.data())
def test_every_prefix_ends_with_its_last_whole_fragment(written: tuple[bytes, bytes], data: st.DataObject) -> None:
    growing, _ = written
    cut = data.draw(st.integers(0, len(growing)))
    prefix = growing[:cut]
    found = survey(reader(prefix), cut)
    ends = [
        after.offset + after.size
        for before, after in zip(media.boxes(growing), media.boxes(growing)[1:], strict=False)
        if (before.kind, after.kind) == ("moof", "mdat")
    ]
    assert ends
    assert found == Survey(closed=False, usable=max((end for end in ends if end <= cut), default=0))


@given(data=st.data())
def test_a_closed_file_is_known_and_a_torn_one_is_not_taken_for_it(
    written: tuple[bytes, bytes], data: st.DataObject
) -> None:
    _, closed = written
    assert survey(reader(closed), len(closed)) == Survey(closed=True, usable=len(closed))
    cut = data.draw(st.integers(0, len(closed) - 1))
    assert not survey(reader(closed[:cut]), cut).closed


@given(st.binary(max_size=300))
def test_noise_does_no_harm(noise: bytes) -> None:
    found = survey(reader(noise), len(noise))
    assert 0 <= found.usable <= len(noise)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**32 - 1), st.sampled_from([b"moov", b"moof", b"mdat", b"free"]), st.binary(max_size=40)
        ),
        max_size=10,
    )
)
def test_lying_sizes_never_lead_outside(parts: list[tuple[int, bytes, bytes]]) -> None:
    data = b"".join(size.to_bytes(4, "big") + kind + body for size, kind, body in parts)
    end = 0
    for box in boxes(reader(data), len(data)):
        assert box.offset == end
        end = box.end
        assert end <= len(data)


def test_large_boxes() -> None:
    large = (1).to_bytes(4, "big") + b"mdat" + (24).to_bytes(8, "big") + bytes(8)
    header = (8).to_bytes(4, "big") + b"moov"
    fragment = (8).to_bytes(4, "big") + b"moof"
    data = header + fragment + large
    assert survey(reader(data), len(data)) == Survey(closed=False, usable=len(data))
