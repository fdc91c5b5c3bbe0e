"""Parameter sets in packets and extradata of both forms."""

from __future__ import annotations

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder import parameter_sets
from recorder.parameter_sets import SetCodec
from tests.media import MakeSample

CODECS: tuple[SetCodec, ...] = ("h264", "hevc")
_SETS = {"h264": {7, 8}, "hevc": {32, 33, 34}}


@pytest.mark.parametrize("codec", CODECS)
def test_both_forms_of_extradata_hold_the_same_sets(sample: MakeSample, codec: SetCodec) -> None:
    with av.open(str(sample(codec=codec, audio=False, seconds=1))) as container:
        boxed = container.streams.video[0].codec_context.extradata
        assert boxed is not None
    sets = parameter_sets.sets_in_extradata(codec, boxed)
    assert set(sets) == _SETS[codec]
    assert parameter_sets.sets_in_extradata(codec, parameter_sets.annex_b(sets)) == sets
    assert parameter_sets.length_bytes(codec, boxed) == 4
    assert parameter_sets.length_bytes(codec, parameter_sets.annex_b(sets)) == 0


@pytest.mark.parametrize("codec", CODECS)
def test_a_key_frame_is_the_same_units_behind_lengths_and_start_codes(sample: MakeSample, codec: SetCodec) -> None:
    with av.open(str(sample(codec=codec, audio=False, seconds=1))) as container:
        data = bytes(next(container.demux(video=0)))
    units = list(parameter_sets.nal_units(data, 4))
    assert b"".join(len(unit).to_bytes(4, "big") + unit for unit in units) == data
    stream = b"".join(b"\x00\x00\x01" + unit for unit in units)
    assert list(parameter_sets.nal_units(stream, 0)) == [unit.rstrip(b"\x00") for unit in units]


def test_a_missing_set_is_no_change_but_an_unknown_one_is() -> None:
    known = {7: (b"\x67a",), 8: (b"\x68a", b"\x68b")}
    assert not parameter_sets.changed(known, {})
    assert not parameter_sets.changed(known, {8: (b"\x68b",)})
    assert parameter_sets.changed(known, {7: (b"\x67b",)})
    assert parameter_sets.changed({}, {7: (b"\x67b",)})


@given(data=st.binary(max_size=80), codec=st.sampled_from(CODECS))
def test_no_bytes_from_outside_break_the_parsers(data: bytes, codec: SetCodec) -> None:
    for head in (b"", b"\x01", b"\x00\x00\x01"):
        parameter_sets.sets_in_extradata(codec, head + data)
    for length_bytes in (0, 1, 2, 4):
        units = list(parameter_sets.nal_units(data, length_bytes))
        assert all(units)
        assert sum(map(len, units)) <= len(data)
