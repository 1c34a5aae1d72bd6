import re
from html.parser import HTMLParser

import pytest

from headgate.pages.charts import (
    CHART_STYLE,
    HEIGHT,
    WIDTH,
    Bars,
    Chart,
    Hint,
    Mark,
    Series,
    figure,
)
from headgate.pages.ticks import Axis

SHARE = Axis("share")


def chart(series=(), marks=(), **changes):
    fields = {
        "id": "one",
        "title": "A title",
        "description": "What it shows.",
        "x": SHARE,
        "y": SHARE,
        "series": tuple(series),
        "marks": tuple(marks),
    }
    return Chart(**(fields | changes))


def line(**changes):
    fields = {"name": "Score", "look": "cascade", "x": (0.0, 0.5, 1.0), "y": (0.5, 0.9, 0.8)}
    return Series(**(fields | changes))


class Texts(HTMLParser):
    """Collects what stands in each kind of element."""

    def __init__(self, page):
        super().__init__()
        self.found, self.open = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        self.found.append((self.open[-1], data))

    def of(self, tag):
        return [data for kind, data in self.found if kind == tag]


def test_points_are_drawn_at_their_place():
    """The corners of the unit square are the corners of the frame."""
    drawn = figure(chart([line(x=(0.0, 1.0), y=(0.0, 1.0))]))

    places = re.search(r'class="line cascade" d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"', drawn)
    left, bottom, right, top = map(float, places.groups())
    assert 0 < left < right < WIDTH
    assert 0 < top < bottom < HEIGHT
    assert f'<path class="frame" d="M{left:.0f} {bottom:.0f}H{right:.0f}"/>' in drawn


def test_a_chart_says_what_it_shows_to_those_who_do_not_see_it():
    drawn = figure(chart([line()]))

    assert 'role="img" aria-labelledby="one-title one-text"' in drawn
    assert Texts(drawn).of("title") == ["A title"]
    assert Texts(drawn).of("desc") == ["What it shows."]
    assert Texts(drawn).of("figcaption") == ["A title"]


def test_the_legend_names_every_series_and_mark():
    drawn = figure(chart([line(), line(name="Oracle", look="oracle")], [Mark("Me", "small", 0, 1)]))

    assert Texts(drawn).of("li") == ["Score", "Oracle", "Me"]


def test_ticks_are_written_in_the_unit_of_their_axis():
    money = Axis("dollars", unit="usd", from_zero=True)

    drawn = Texts(figure(chart([line(x=(0.1, 0.2, 0.3), y=(0.991, 0.992, 0.995))], x=money)))

    assert {"$0.00", "$0.10", "$0.30", "99.1%", "99.5%"} <= set(drawn.of("text"))


def test_whole_dollars_have_no_cents():
    drawn = Texts(figure(chart([line(x=(0, 1000, 2000))], x=Axis("dollars", unit="usd"))))

    assert {"$0", "$500", "$2,000"} <= set(drawn.of("text"))


def test_a_band_goes_there_along_the_top_and_back_along_the_bottom():
    drawn = figure(chart([line(low=(0.4, 0.8, 0.7), high=(0.6, 1.0, 0.9))]))

    (band,) = re.findall(r'class="band cascade" d="M([^"]+)Z"', drawn)
    heights = [float(point.split()[1]) for point in band.split("L")]
    assert len(heights) == 6
    assert heights[0] < heights[-1]


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_one_value_is_drawn_without_leaving_the_scale(value):
    drawn = figure(chart([line(x=(value,), y=(value,))], [Mark("Me", "large", value, value)]))

    ticks = [float(text.rstrip("%")) for text in Texts(drawn).of("text") if text != "share"]
    assert min(ticks) >= 0
    assert max(ticks) <= 100
    assert "nan" not in drawn


def test_no_costs_at_all_are_drawn():
    drawn = figure(chart([line(x=(0, 0), y=(0, 1))], x=Axis("dollars", unit="usd", from_zero=True)))

    assert "nan" not in drawn


def test_every_text_is_escaped():
    bad = "<script>alert(1)</script>"

    drawn = figure(
        chart(
            [line(name=bad)],
            [Mark(bad, "small", 0, 1)],
            title=bad,
            description=bad,
            x=Axis(bad),
            id='"><script>',
        )
    )

    assert "<script" not in drawn


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="nothing to draw"):
        figure(chart())


def test_every_look_has_a_colour_in_light_and_in_dark():
    light, dark = CHART_STYLE.split("@media", 1)
    for look in ("cascade", "oracle", "random", "limit", "small", "large", "exact", "crc"):
        assert f"--{look}:" in light
        assert f"--{look}:" in dark.split("figure")[0]
        assert f".{look}{{" in CHART_STYLE


def stacked(**changes):
    two = [
        Bars("error", "first", (0, 10), (10, 20), (2, 0)),
        Bars("fatal", "second", (0, 10), (10, 20), (1, 3)),
    ]
    return chart(bars=tuple(two), y=Axis("n", "count", from_zero=True), **changes)


def test_bars_stand_on_top_of_one_another():
    """Of heights 2 and 1 at the same place, the second begins where the first ends."""
    drawn = figure(stacked())

    (first,) = re.findall(r'class="bar first" d="M([\d.]+) ([\d.]+)V([\d.]+)H', drawn)
    (second,) = re.findall(r'class="bar second" d="M([\d.]+) ([\d.]+)V([\d.]+)H', drawn)
    assert first[0] == second[0]
    assert first[2] == second[1]
    assert float(first[1]) > float(first[2]) > float(second[2])


def test_a_bar_of_nothing_is_not_drawn():
    drawn, _in_legend = re.findall(r'class="bar first" d="([^"]*)"', figure(stacked()))

    assert drawn.count("M") == 1


def test_bars_are_in_the_legend():
    assert Texts(figure(stacked())).of("li") == ["error", "fatal"]


def test_hints_say_what_is_under_the_pointer():
    drawn = figure(stacked(hints=(Hint(0, 10, "2 <b>"),)))

    assert '<rect class="hint"' in drawn
    assert "<title>2 &lt;b&gt;</title></rect>" in drawn


def test_a_chart_may_be_wider_than_others():
    assert 'viewBox="0 0 1000 200"' in figure(stacked(width=1000, height=200))
