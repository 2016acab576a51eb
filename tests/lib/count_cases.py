"""Counts test cases: count_cases.py junit|ctest FILE prints "PASSED FAILED SKIPPED".

junit: pytest's report, one case a test. ctest: one executable a case, whose output tells how many
tests cmocka ran in it; one that ended without saying so (a crash, a sanitizer) counts as failed."""

import re
import sys
import xml.etree.ElementTree as ElementTree


def junit(cases):
    failed = sum(1 for case in cases if case.find("failure") is not None
                 or case.find("error") is not None)
    skipped = sum(1 for case in cases if case.find("skipped") is not None)
    return len(cases) - failed - skipped, failed, skipped


def cmocka_number(word, text):
    return sum(int(n) for n in re.findall(r"\[  %s *\] (\d+) test" % word, text))


def ctest(cases):
    passed = failed = skipped = 0
    for case in cases:
        text = case.findtext("system-out") or ""
        failures = cmocka_number("FAILED", text)
        if case.get("status") == "fail" and failures == 0:
            failures = 1
        skipped += cmocka_number("SKIPPED", text)
        passed += cmocka_number("PASSED", text) or (1 if failures == 0 else 0)
        failed += failures
    return passed, failed, skipped


def main():
    kind, path = sys.argv[1:]
    cases = list(ElementTree.parse(path).getroot().iter("testcase"))
    print(*{"junit": junit, "ctest": ctest}[kind](cases))


if __name__ == "__main__":
    main()
