"""Paces and rings of loops, worked out by hand; what every loop of a random network keeps to."""

from hypothesis import given, settings

from tests.compiler.network_builder import NetworkBuilder
from tests.compiler.random_networks import networks
from tinydet.compiler.schedule import Pace, SegmentMaker, make_flow, segment_cost


def loop_of(graph, begin, end, **options):
    maker = SegmentMaker(make_flow(graph, **options))
    return maker, maker.loop(begin, end)


def test_three_rows_wait_in_front_of_a_filter():
    net = NetworkBuilder(0)
    x = net.conv(net.image(12, 6), 4)
    x = net.depthwise(x, padding="SAME")
    graph = net.graph(net.conv(x, 2))
    maker, segment = loop_of(graph, 1, 4)
    assert segment.paces == (Pace(0, 1), Pace(1, 1), Pace(1, 1))
    assert list(segment.rings.values()) == [3, 1]
    assert segment.iterations(maker.flow) == 13


def test_a_stride_of_two_runs_every_second_iteration():
    net = NetworkBuilder(0)
    x = net.conv(net.image(12, 6), 4)
    x = net.depthwise(x, padding="SAME", stride_height=2)
    graph = net.graph(net.depthwise(net.conv(x, 3), padding="SAME", stride_height=2))
    _, segment = loop_of(graph, 1, 5)
    # SAME at 12 rows and stride 2 has its padding at the bottom: row 0 needs rows 0 to 2.
    assert segment.paces == (Pace(0, 1), Pace(2, 2), Pace(2, 2), Pace(6, 4))
    assert list(segment.rings.values()) == [3, 1, 3]


def test_a_tensor_read_outside_is_whole():
    net = NetworkBuilder(0)
    tap = net.conv(net.image(12, 6), 4)
    x = net.conv(net.depthwise(tap, padding="SAME"), 4)
    graph = net.graph(net.add(x, tap), net.conv(tap, 1))
    maker, segment = loop_of(graph, 1, 5)
    assert len(segment.rings) == 2
    names = {maker.flow.parts[part].tensor for part in segment.rings}
    assert tap not in names


def test_upsampling_sets_the_pace():
    net = NetworkBuilder(0)
    x = net.conv(net.image(8, 6), 4)
    x = net.resize(x, 16, 12, half_pixel_centers=True)
    graph = net.graph(net.conv(x, 2))
    _, segment = loop_of(graph, 1, 4)
    assert [pace.every for pace in segment.paces] == [2, 1, 1]


def test_rows_that_keep_no_pace_are_no_loop():
    net = NetworkBuilder(0)
    x = net.conv(net.image(8, 6), 4)
    graph = net.graph(net.conv(net.resize(x, 13, 6), 2))
    maker, _ = loop_of(graph, 2, 4)
    assert maker.longest_end(1) == 2
    assert maker.longest_end(2) == 4


def test_steps_that_have_nothing_to_do_with_each_other_are_no_loop():
    net = NetworkBuilder(0)
    x = net.image(8, 6)
    _, segment = loop_of(net.graph(net.conv(x, 2), net.conv(x, 3)), 1, 3)
    assert segment is None


def test_rows_that_are_fed_go_along():
    net = NetworkBuilder(0)
    x = net.conv(net.image(8, 6), 2, (3, 3), padding="SAME")
    maker, segment = loop_of(net.graph(x), 0, 2, input_rows=True)
    assert segment.paces == (Pace(0, 1), Pace(1, 1))
    assert segment.rings == {0: 3}
    assert not make_flow(net.graph(x)).steps[0].by_rows
    assert maker.flow.steps[0].rows == 8


@given(graph=networks())
@settings(max_examples=40)
def test_every_row_is_there_when_it_is_needed_and_no_ring_has_room_to_spare(graph):
    """By simulation of the loop, row by row."""
    maker = SegmentMaker(make_flow(graph, input_rows=True))
    for begin in range(len(maker.flow.steps)):
        for end in range(begin + 2, maker.longest_end(begin) + 1):
            segment = maker.loop(begin, end)
            if segment is not None:
                _simulate(maker, segment)


def _simulate(maker, segment):
    steps = maker.flow.steps[segment.begin : segment.end]
    written = {part: [] for step in steps for part in step.writes}  # moments, by row
    last_read = {part: {} for part in written}  # row -> moment
    moment = 0
    for t in range(segment.iterations(maker.flow)):
        for step, pace in zip(steps, segment.paces, strict=True):
            row, rest = divmod(t - pace.lag, pace.every)
            if rest or not 0 <= row < step.rows:
                continue
            moment += 1
            for read in step.reads:
                for needed in range(read.first[row], read.end[row]):
                    if read.part in written:
                        assert needed < len(written[read.part]), "read before it is written"
                        last_read[read.part][needed] = moment
            for part in step.writes:
                written[part].append(moment)
    for part, moments in written.items():
        assert len(moments) == maker.flow.parts[part].rows
        if part in segment.rings:
            assert segment.rings[part] == _rows_waiting(moments, last_read[part])


def _rows_waiting(written, last_read):
    """Most rows from the oldest that is still to be read to the one that is being written."""
    most = 1
    for newest, moment in enumerate(written):
        waiting = [row for row in range(newest) if last_read.get(row, 0) > moment]
        most = max(most, newest + 1 - min(waiting, default=newest))
    return most


@given(graph=networks())
@settings(max_examples=30)
def test_a_segment_of_one_step_costs_no_overhead(graph):
    maker = SegmentMaker(make_flow(graph))
    for position in range(len(maker.flow.steps)):
        cost = segment_cost(maker, maker.single(position))
        assert cost.overhead == 0
        assert cost.peak_bytes <= cost.flat_bytes
