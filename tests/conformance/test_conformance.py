"""The checklist of the wire protocol, number by number; see table.py."""

import collections
import importlib

import pytest

from table import LAST, LATER, MODULES, all_checks

for _name in MODULES:
    importlib.import_module(_name)


def cases():
    for one in all_checks():
        marks = [pytest.mark.xfail(reason=one.xfail, strict=False)] if one.xfail else []
        yield pytest.param(one, id="%03d" % one.number, marks=marks)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("one", cases())
def test_number(one, outcomes, shared_up):
    try:
        outcomes[one.number].result()
    except Exception as error:
        error.add_note("check %d: %s" % (one.number, one.says))
        raise


@pytest.mark.parametrize("number", sorted(LATER), ids="{:03d}".format)
def test_number_kept_for_later(number):
    pytest.skip(LATER[number])


def test_every_number_stands_in_the_table_once():
    found = collections.Counter([one.number for one in all_checks()] + list(LATER))
    assert found == collections.Counter(range(1, LAST + 1))


def test_no_report_of_a_sanitizer(shared_up, outcomes):
    for one in outcomes.values():
        one.exception()
    assert shared_up.process.poll() is None and shared_up.reports() == ""
