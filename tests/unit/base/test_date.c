/* RFC 3339 in, epoch ms out. */
#include "base/date.h"

#include "test.h"

static void dates_become_epoch_ms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2030-01-31T12:00:00Z", 1896091200000},
        {"2030-01-31T12:00:00.5Z", 1896091200500},
        {"2030-01-31T12:00:00.123456789Z", 1896091200123},
        {"2030-01-31t12:00:00z", 1896091200000},
        {"2030-01-31T14:00:00+02:00", 1896091200000},
        {"2030-01-31T06:30:00-05:30", 1896091200000},
        {"2028-02-29T00:00:00Z", 1835395200000},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t ms = -1;
        assert_int_equal(date_parse(slice_of(cases[i].text), &ms), ERR_OK);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void all_else_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "2030-01-31",
        "2030-01-31T12:00:00",
        "2030-01-31T12:00Z",
        "2030-1-31T12:00:00Z",
        "2030-02-30T12:00:00Z",
        "2030-13-01T12:00:00Z",
        "2030-00-01T12:00:00Z",
        "2030-01-00T12:00:00Z",
        "2030-01-31T24:00:00Z",
        "2030-01-31T12:60:00Z",
        "2030-01-31T12:00:00.Z",
        "2030-01-31T12:00:00+2:00",
        "2030-01-31T12:00:00+24:00",
        "2030-01-31T12:00:00Zx",
        "tomorrow",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        int64_t ms = -1;
        assert_int_equal(date_parse(slice_of(texts[i]), &ms), ERR_BAD_REQUEST);
        assert_int_equal(ms, -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_become_epoch_ms),
        cmocka_unit_test(all_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
