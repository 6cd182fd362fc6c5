"""The picture of `make bench` shows what was measured."""

import re
from xml.etree import ElementTree

from benchmarks import workloads as w
from benchmarks.chart import HEIGHT, WIDTH, Line, Panel, svg
from benchmarks.figures import Figure, Results
from benchmarks.picture import picture

SVG = "{http://www.w3.org/2000/svg}"
OURS = Line("Interbank", ((1, 90.0), (8, 420.0), (64, 560.0), (1024, 515.0)))
PEER = Line("bare gRPC <echo>", ((1, 1636.0), (64, 2600.0)))
NEAR = Line("as fast", ((1, 1000.0), (64, 2590.0)))
CLIENTS = Panel("Clients", "clients & callers", (OURS, PEER, NEAR), "per second")
BATCHES = Panel(
    "Orders", "orders per call", (Line("Interbank", ((1, 520.0), (1000, 14_408.0))),), "payments per second"
)


def drawn(*panels: Panel) -> ElementTree.Element:
    return ElementTree.fromstring(svg("Payments", panels))  # noqa: S314 (our own)


def words(picture: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


def test_every_value_every_label_and_every_axis_is_there():
    said = words(drawn(BATCHES, CLIENTS))
    assert {"90", "420", "560", "515", "1,636", "2,600", "520", "14.4k"} <= set(said)
    assert {"Clients", "Orders", "clients & callers", "orders per call", "bare gRPC <echo>"} <= set(said)
    assert (said.count("payments per second"), said.count("per second")) == (1, 1)
    assert {"1", "8", "64", "1,024", "1,000"} <= set(said)


def test_more_is_higher_and_further_right_and_all_of_it_is_inside():
    (panel,) = drawn(CLIENTS).iter(f"{SVG}g")
    line, *_ = panel.iter(f"{SVG}polyline")
    points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    assert [x for x, _ in points] == sorted({x for x, _ in points})
    heights = dict(zip((90, 420, 560, 515), (y for _, y in points), strict=True))
    assert heights[560] < heights[515] < heights[420] < heights[90]
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in points)


def test_ten_times_as_much_is_as_far_anywhere():
    line = Line("ours", ((1, 100.0), (10, 1_000.0), (100, 10_000.0)))
    polyline = next(drawn(Panel("", "", (line,), "")).iter(f"{SVG}polyline"))
    (ax, ay), (bx, by), (cx, cy) = (map(float, point.split(",")) for point in polyline.attrib["points"].split())
    assert abs((bx - ax) - (cx - bx)) < 0.2
    assert abs((ay - by) - (by - cy)) < 0.2


def test_labels_of_lines_that_end_together_do_not_lie_on_each_other():
    labels = [text for text in drawn(CLIENTS).iter(f"{SVG}text") if (text.text or "") in ("as fast", PEER.label)]
    heights = sorted(float(label.attrib["y"]) for label in labels)
    assert heights[1] - heights[0] >= 14


def test_values_of_two_lines_at_one_place_do_not_lie_on_each_other():
    there = (("2,600", "2,590"), ("1,636", "1,640"))
    near = Line("near", ((1, 1640.0), (64, 2590.0)))
    heights = {text.text: float(text.attrib["y"]) for text in drawn(Panel("", "", (PEER, near), "")).iter(f"{SVG}text")}
    assert all(abs(heights[one] - heights[other]) >= 10 for one, other in there)


def test_who_does_not_see_it_is_told():
    picture = drawn(BATCHES, CLIENTS)
    assert picture.findtext(f"{SVG}title") == "Payments"
    told = picture.findtext(f"{SVG}desc") or ""
    assert "Clients, per second: Interbank 90 at 1, 420 at 8, 560 at 64, 515 at 1,024;" in told
    assert "bare gRPC <echo> 1,636 at 1" in told


def test_a_second_row_lies_below_the_first():
    picture = ElementTree.fromstring(svg("Payments", [BATCHES], [CLIENTS, BATCHES]))  # noqa: S314 (our own)
    assert picture.attrib["viewBox"] == f"0 0 {2 * WIDTH} {2 * HEIGHT}"
    places = [group.attrib["transform"] for group in picture.iter(f"{SVG}g")]
    assert places == ["translate(0 0)", f"translate(0 {HEIGHT})", f"translate({WIDTH} {HEIGHT})"]


def test_a_panel_without_a_point_is_left_out():
    picture = drawn(Panel("Nothing", "", (Line("ours", ()),), ""), BATCHES)
    assert picture.attrib["viewBox"] == f"0 0 {WIDTH} {HEIGHT}"
    assert not re.search("Nothing", ElementTree.tostring(picture, encoding="unicode"))


def test_what_is_no_payment_is_not_called_one_and_every_peer_is_drawn():
    rates = {w.echo(1): 1636.0, w.pgbench(8): 3789.0, w.nostro(16): 864.0, w.nostro_apart(16): 564.0}
    curves = {w.OVER_BATCHES: ((1, 520.0),), w.OVER_CLIENTS: ((1, 138.0), (64, 697.0))}
    measured = Results({}, {name: Figure((rate,)) for name, rate in rates.items()}, {}, {}, 0, 0, curves=curves)
    told = ElementTree.fromstring(picture(measured, title="Payments")).findtext(f"{SVG}desc") or ""  # noqa: S314 (our own)
    assert "Orders in one call, payments per second: Interbank 520 at 1." in told
    assert "One payment per call, per second: Interbank 138 at 1, 697 at 64; gRPC echo, TLS 1,636 at 1;" in told
    assert "pgbench 3,789 at 8; hf-nostro 864 at 16; hf-nostro, apart 564 at 16." in told


def test_a_label_fits_beside_its_line():
    (panel,) = drawn(CLIENTS).iter(f"{SVG}g")
    line = next(panel.iter(f"{SVG}polyline"))
    last = max(float(point.split(",")[0]) for point in line.attrib["points"].split())
    widest_letter_on_average = 6.5
    assert WIDTH - last - 10 >= len("hf-nostro, apart") * widest_letter_on_average
