"""The table: one function for each number of the checklist (docs of the wire protocol, section 7).

A check is `def c7(stage)` under `@check(7, "what must hold")`; it may ask for further arguments of
FIXTURES. Numbers whose feature does not exist yet stand in LATER with the reason, so that each
number from 1 to LAST is somewhere, once."""

from collections import namedtuple

LAST = 122
MODULES = ["check_http", "check_submit", "check_lifecycle", "check_results", "check_stream",
           "check_control", "check_limits", "check_webhook", "check_worker", "check_delivery",
           "check_scaling", "check_system", "check_openai"]
Check = namedtuple("Check", "number says run is_slow xfail")

LATER = {}

_checks = []


def check(number, says, is_slow=False, xfail=None):
    """is_slow: mostly waits; such checks are started first, all together."""
    def add(run):
        assert run.__name__ == "c%d" % number, run.__name__
        _checks.append(Check(number, says, run, is_slow, xfail))
        return run
    return add


def all_checks():
    return sorted(_checks, key=lambda one: one.number)
