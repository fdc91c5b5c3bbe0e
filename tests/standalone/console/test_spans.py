"""Pieces of time, against the same sets of whole seconds."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.standalone.console.spans import Span, clipped, merged, total, without

SPANS = st.lists(st.builds(Span, st.integers(0, 60), st.integers(0, 60)), max_size=8)
WHOLE = st.builds(lambda since, length: Span(since, since + length), st.integers(0, 50), st.integers(0, 30))


def seconds(spans: list[Span]) -> set[int]:
    return {second for span in spans for second in range(int(span.since), int(span.until))}


@given(SPANS)
def test_merged_is_the_same_time_in_as_few_spans_as_possible(spans: list[Span]) -> None:
    found = merged(spans)
    assert seconds(found) == seconds(spans)
    assert all(one.until < two.since for one, two in pairwise(found))
    assert total(spans) == len(seconds(spans))


@given(SPANS, WHOLE)
def test_clipped_and_without_share_a_whole(spans: list[Span], whole: Span) -> None:
    inside, outside = seconds(clipped(spans, whole)), seconds(without(whole, spans))
    assert inside == seconds(spans) & seconds([whole])
    assert outside == seconds([whole]) - seconds(spans)
