from headgate.errors import InputError, SpecError, SpecFileError
from headgate.serving.cluster.doctor.examine import examine, is_well
from headgate.serving.cluster.doctor.finding import Check, Finding, Level, ok


def raises(error):
    """A check that fails with this error."""

    def find():
        raise error

    return Check("broken", find)


def test_one_check_that_fails_does_not_take_the_others_along():
    found = examine([raises(KeyError("secret")), Check("whole", lambda: ok("fine"))])

    assert [(each.check, each.finding.level) for each in found] == [
        ("broken", Level.ERROR),
        ("whole", Level.OK),
    ]
    assert found[0].finding.what == "it could not be looked at (KeyError)"


def test_an_error_of_ours_brings_its_remedy():
    (found,) = examine([raises(InputError("place", "it is wrong", "Correct it."))])

    assert found.finding == Finding(Level.ERROR, "place: it is wrong", "Correct it.")


def test_every_mistake_of_a_file_is_a_finding():
    mistakes = [SpecError(f"c.yaml:{line}:1", "it is wrong", "Correct it.") for line in (1, 2)]

    found = examine([raises(SpecFileError(mistakes))])

    assert [each.finding.what for each in found] == [
        "c.yaml:1:1: it is wrong",
        "c.yaml:2:1: it is wrong",
    ]


def test_warnings_and_notes_are_no_errors():
    warning = Check("a", lambda: [Finding(Level.WARNING, "w"), Finding(Level.NOTE, "n")])

    assert is_well(examine([warning]))
    assert not is_well(examine([warning, raises(ValueError())]))
    assert examine([]) == []
