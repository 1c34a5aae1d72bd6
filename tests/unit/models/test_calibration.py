from headgate.models.calibration import calibration_texts


def test_the_same_texts_come_every_time():
    assert calibration_texts(50) == calibration_texts(50)


def test_fewer_texts_are_the_first_of_more():
    assert calibration_texts(512)[:8] == calibration_texts(8)


def test_few_texts_come_twice():
    texts = calibration_texts(512)

    assert len(texts) == 512
    assert len(set(texts)) > 480


def test_lengths_vary_and_no_text_is_blank():
    lengths = sorted(len(text) for text in calibration_texts(512) if text.strip())

    assert len(lengths) == 512
    assert lengths[25] < 60
    assert lengths[-25] > 250


def test_no_texts_can_be_asked_for():
    assert calibration_texts(0) == []
