import pytest
from scipy.stats import binom

from fakes.certificates import certificate
from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import cascade, soon
from headgate.batch.asking import Answerer
from headgate.batch.certify import NOTE, Certifier, Promise, asking_all
from headgate.batch.journal import Journal
from headgate.batch.purse import JobPurse
from headgate.batch.store import key_of
from headgate.cascade.deferral import CertificateSpec
from headgate.cascade.guarantee import Guarantee
from headgate.cascade.payment import Purse
from headgate.errors import InputError, LmError
from headgate.gate.budget import BudgetLimits, Governor
from headgate.types import Record

TWENTIETH = Promise(epsilon=0.05, delta=0.05, seed=7)
SURE, UNSURE = 300, 100


def records() -> list[Record]:
    """Return 300 records the small model is sure of, and 100 it is not."""
    texts = [f"disk {number}" for number in range(SURE)]
    texts += [f"unsure {number}" for number in range(UNSURE)]
    return [Record(str(place), {"log": text}) for place, text in enumerate(texts)]


def disk_if_sure(request) -> str:
    """Agree with the small model where it is sure, and with nobody else: "unsure" is "net"."""
    return "disk" if request.fields["log"].startswith("disk") else "net"


class Bench:
    """A certifier over tiny models, and all that it writes."""

    def __init__(self, directory, decide=disk_if_sure, *, promise=TWENTIETH, share=None):
        directory.mkdir(exist_ok=True)
        self.lm = ScriptedLm(decide)
        self.journal = Journal(directory)
        limits = BudgetLimits(share, audit_share=0.0)
        engine = cascade(self.lm, guarantee=Guarantee(certificate()))
        self.purse = JobPurse(Purse(Governor(limits)))
        answerer = Answerer(asking_all(engine), self.purse, self.journal)
        self.certifier = Certifier(answerer, self.journal, promise)


async def test_sure_records_keep_their_answer_and_the_rest_is_asked(tmp_path):
    bench = Bench(tmp_path)

    answers = await bench.certifier.answer(records())

    note = bench.journal.noted(NOTE)
    small = [answer for answer in answers if answer.tier == "small"]
    assert note["certified"]
    assert note["items"] == SURE + UNSURE
    assert len(bench.lm.requests) == SURE + UNSURE - len(small)
    assert len(small) == note["kept"] >= SURE - note["sampled"]
    assert sum(answer.answer == "disk" for answer in answers[SURE:]) <= 0.05 * (SURE + UNSURE)
    assert {answer.certificate_id for answer in answers} == {note["statement"].split()[-1][:-1]}
    assert {answer.guarantee for answer in answers} == {"certified"}


async def test_the_statement_says_what_is_counted_and_what_it_rests_on(tmp_path):
    bench = Bench(tmp_path)
    bench.certifier = Certifier(bench.certifier._answerer, bench.journal, TWENTIETH, "templates")

    await bench.certifier.answer(records())

    said = bench.journal.noted(NOTE)
    assert said["statement"].startswith(
        "With probability 0.95 over the draw of 150 of 400 different templates, at most 20 of the "
        f"{said['kept']} that keep a small model's answer would have another one"
    )
    assert "Each of the templates counts once." in said["statement"]


async def test_a_small_model_that_is_never_right_keeps_less_than_breaks_the_promise(tmp_path):
    """Of 400 records 20 may be wrong, so 20 unsampled ones pass by themselves, and no more."""
    bench = Bench(tmp_path, lambda request: "net" if "disk" in request.fields["log"] else "disk")

    answers = await bench.certifier.answer(records())

    assert sum(answer.tier == "small" for answer in answers) <= 20


async def test_records_that_the_task_refuses_are_neither_counted_nor_certified(tmp_path):
    bench = Bench(tmp_path)
    blank = Record("blank", {"log": " "})

    answers = await bench.certifier.answer([*records(), blank])

    assert (answers[-1].error, answers[-1].certificate_id) == ("INPUT_INVALID", "")
    assert bench.journal.noted(NOTE)["items"] == SURE + UNSURE


async def test_equal_records_count_once(tmp_path):
    bench = Bench(tmp_path)
    twice = [*records(), *records()]

    answers = await bench.certifier.answer(twice)

    assert bench.journal.noted(NOTE)["items"] == SURE + UNSURE
    assert answers[: len(records())] == answers[len(records()) :]


async def test_a_sampled_record_without_the_large_models_answer_counts_as_bad(tmp_path):
    """It is degraded and claims nothing; nothing can be kept beside it."""

    def refuse(request):
        raise LmError("large model", "it is down", "Wait.")

    bench = Bench(tmp_path, refuse)

    answers = await bench.certifier.answer(records())

    claimed = [answer for answer in answers if answer.certificate_id]
    assert len(claimed) <= 20
    assert all(
        answer.degraded == "LARGE_MODEL_FAILED" for answer in answers if answer not in claimed
    )


async def test_what_the_budget_does_not_pay_is_degraded_and_claims_nothing(tmp_path):
    bench = Bench(tmp_path, share=0.1)

    answers = await bench.certifier.answer(records())

    unpaid = [answer for answer in answers if answer.degraded]
    assert len(bench.lm.requests) <= 25 + 0.1 * (SURE + UNSURE)
    assert len(unpaid) > 100
    assert {(answer.degraded, answer.certificate_id) for answer in unpaid} == {
        ("BUDGET_EXHAUSTED", "")
    }


async def test_no_records_are_a_batch_of_which_nothing_is_said(tmp_path):
    bench = Bench(tmp_path)

    assert await bench.certifier.answer([]) == []
    assert bench.journal.noted(NOTE)["statement"].startswith("Not certified")


@pytest.mark.slow
@pytest.mark.parametrize("calls", [1, 100, 160, 200])
async def test_a_certificate_is_the_same_when_the_run_is_interrupted(tmp_path, calls):
    """What was drafted, sampled and answered stays; the draw is not made again."""

    def stop(request):
        if len(broken.lm.requests) >= calls:
            broken.journal.calls._failure = OSError(28, "No space left on device")
        return disk_if_sure(request)

    broken = Bench(tmp_path / "out", stop, share=0.9)
    whole = Bench(tmp_path / "whole", share=0.9)
    expected = await whole.certifier.answer(records())

    with pytest.raises(OSError, match="No space"):
        await broken.certifier.answer(records())
    broken.journal.close()
    resumed = Bench(tmp_path / "out", share=0.9)
    answers = await resumed.certifier.answer(records())

    note = resumed.journal.noted(NOTE)
    assert note == whole.journal.noted(NOTE)
    assert answers == expected
    assert len(resumed.lm.requests) <= len(whole.lm.requests)


@pytest.mark.slow
async def test_a_batch_that_was_certified_costs_nothing_more(tmp_path):
    first = Bench(tmp_path)
    answers = await first.certifier.answer(records())
    first.journal.close()
    again = Bench(tmp_path)

    assert await again.certifier.answer(records()) == answers
    assert again.lm.requests == []


async def test_blocks_of_the_input_are_named_where_a_record_is_first(tmp_path):
    bench = Bench(tmp_path)
    all_records = records()
    keys = [key_of(record) for record in all_records]

    await bench.certifier.answer_blocks(
        [("0:0", keys[:200], all_records[:200]), ("1:0", keys[100:], all_records[100:])]
    )

    found = bench.journal.answers.find(keys)
    assert [found[key].block for key in (keys[0], keys[150], keys[399])] == ["0:0", "0:0", "1:0"]


@pytest.mark.slow
async def test_promises_are_broken_as_seldom_as_they_say(tmp_path):
    """A fifth of all draws may break one; more than 15 of 30 come once in 19,000 such tests."""
    promise = {"epsilon": 0.1, "delta": 0.2}
    wrong = {f"likely {number}" for number in range(0, 120, 3)}
    texts = [f"disk {n}" for n in range(60)] + [f"likely {n}" for n in range(120)]
    texts += [f"unsure {n}" for n in range(120)]
    some = [Record(str(place), {"log": text}) for place, text in enumerate(texts)]

    def decide(request):
        text = request.fields["log"]
        return "net" if text in wrong or text.startswith("unsure") else "disk"

    broken, kept = 0, 0
    for seed in range(30):
        bench = Bench(tmp_path / str(seed), decide, promise=Promise(**promise, seed=seed))
        answers = await bench.certifier.answer(some)
        bad = [
            text
            for text, answer in zip(texts, answers, strict=True)
            if answer.tier == "small" and (text in wrong or text.startswith("unsure"))
        ]
        broken += len(bad) > 0.1 * len(texts)
        kept += sum(answer.tier == "small" for answer in answers)
        bench.journal.close()

    assert binom.sf(15, 30, 0.2) < 1 / 19_000
    assert broken <= 15
    assert kept > 30 * 30


@pytest.mark.parametrize(
    "spec",
    [
        None,
        CertificateSpec(kind="agree"),
        CertificateSpec(kind="selective", epsilon=0.1),
        CertificateSpec(kind="netgap", epsilon=0.1),
    ],
    ids=["none", "no-epsilon", "selective", "netgap"],
)
def test_a_promise_that_a_batch_cannot_make_is_refused(spec):
    with pytest.raises(InputError, match="certif"):
        Promise.of(spec, 1)


def test_a_promise_is_that_of_the_cascade_file():
    for kind in ("agree", "regret"):
        spec = CertificateSpec(kind=kind, epsilon=0.1, delta=0.2)
        assert Promise.of(spec, 3) == Promise(0.1, 0.2, 3)


async def test_an_engine_that_asks_all_keeps_nothing_and_claims_nothing():
    engine = asking_all(cascade(ScriptedLm(disk_if_sure), guarantee=Guarantee(certificate())))

    progress = await engine.advance(records()[:1], soon())

    assert not progress[0].kept
    assert progress[0].result().answer == "disk"
    assert progress[0].result().certificate_id == ""
    assert engine.guarantee.demands
