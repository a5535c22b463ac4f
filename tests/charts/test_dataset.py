import json

from facepriv.charts.dataset import class_balance


def test_carries_the_counts_in_order():
    counts = {"male": 60, "female": 58, "unlabelled": 2, "failed": 3}
    figure = class_balance(counts)
    assert {trace.y[0]: trace.x[0] for trace in figure.data} == counts
    assert [trace.y[0] for trace in figure.data] == list(counts)
    assert figure.data[0].text[0] == "60 (48.8 %)"
    assert len({trace.marker.pattern.shape for trace in figure.data}) == 4
    json.loads(figure.to_json())


def test_nothing_counted_still_draws():
    assert class_balance({"male": 0, "female": 0}).data[0].text[0] == "0"
    assert len(class_balance({}).data) == 0


def test_a_label_without_images_has_no_bar():
    assert [bar.name for bar in class_balance({"male": 0, "female": 0, "unlabelled": 3}).data] == ["unlabelled"]
