"""The table: one function for each number of the checklist (docs of the wire protocol, section 7).

A check is `def c7(stage)` under `@check(7, "what must hold")`; it may ask for further arguments of
FIXTURES. Numbers whose feature does not exist yet stand in LATER with the reason, so that each
number from 1 to LAST is somewhere, once."""

from collections import namedtuple

LAST = 122
MODULES = ["check_http", "check_submit", "check_lifecycle", "check_results", "check_stream",
           "check_control", "check_limits", "check_webhook", "check_worker", "check_delivery",
           "check_scaling", "check_system"]
Check = namedtuple("Check", "number says run is_slow xfail")

OPENAI = "later: /openai is not there yet"
BALANCING = "later: load-balancing endpoints are not there yet"
LATER = {
    113: OPENAI, 114: OPENAI, 115: OPENAI, 116: OPENAI, 117: OPENAI,
    118: BALANCING, 119: BALANCING, 120: BALANCING,
}

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
