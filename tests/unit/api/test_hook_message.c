/* What a delivery sends, and when it is tried again. */
#include "hook_message.h"

#include "queue/endpoint.h"
#include "test.h"

static void the_signature_is_that_of_standard_webhooks(void **state)
{
    (void)state;
    struct endpoint endpoint = {.webhook_secret =
                                    (char[]){"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}};
    AUTO(buf_done) struct buf key = BUF_INIT;
    endpoint_put_webhook_key(&endpoint, &key);
    struct hook_headers headers;
    hook_headers_init(&headers, SLICE("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330, buf_slice(&key),
                      SLICE("{\"test\": 2432232314}"));
    assert_string_equal(headers.lines[0], "Content-Type: application/json");
    assert_string_equal(headers.lines[1], "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek");
    assert_string_equal(headers.lines[2], "webhook-timestamp: 1614265330");
    assert_string_equal(headers.lines[3],
                        "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_null(headers.lines[4]);
    hook_headers_done(&headers);
}

static void without_a_secret_there_is_no_signature(void **state)
{
    (void)state;
    struct endpoint endpoint = {.webhook_secret = NULL};
    AUTO(buf_done) struct buf key = BUF_INIT;
    endpoint_put_webhook_key(&endpoint, &key);
    struct hook_headers headers;
    hook_headers_init(&headers, SLICE("a_1"), 1, buf_slice(&key), SLICE("{}"));
    assert_non_null(headers.lines[2]);
    assert_null(headers.lines[3]);
    hook_headers_done(&headers);
}

static void three_tries_are_one_pause_apart(void **state)
{
    (void)state;
    assert_int_equal(hook_delay_ms(1, 10000, 12345), 10000);
    assert_int_equal(hook_delay_ms(2, 10000, 67890), 10000);
}

static void then_the_pause_doubles_with_jitter_up_to_a_limit(void **state)
{
    (void)state;
    static const uint32_t randoms[] = {0, 1, 77777, UINT32_MAX};
    for (size_t i = 0; i < COUNT_OF(randoms); i++) {
        int64_t middle = 60000;
        for (int64_t failed = 3; failed < 60; failed++) {
            int64_t delay = hook_delay_ms(failed, 10000, randoms[i]);
            assert_in_range(delay, middle * 8 / 10, middle * 12 / 10);
            middle = middle * 2 < HOOK_DELAY_MAX ? middle * 2 : HOOK_DELAY_MAX;
        }
    }
    assert_int_not_equal(hook_delay_ms(3, 10000, 1), hook_delay_ms(3, 10000, 2));
}

static void a_tiny_pause_never_divides_by_zero(void **state)
{
    (void)state;
    for (int64_t failed = 1; failed < 100; failed++) {
        assert_true(hook_delay_ms(failed, 1, 5) >= 1);
        assert_true(hook_delay_ms(failed, 3600000, UINT32_MAX) <= HOOK_DELAY_MAX * 12 / 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_signature_is_that_of_standard_webhooks),
        cmocka_unit_test(without_a_secret_there_is_no_signature),
        cmocka_unit_test(three_tries_are_one_pause_apart),
        cmocka_unit_test(then_the_pause_doubles_with_jitter_up_to_a_limit),
        cmocka_unit_test(a_tiny_pause_never_divides_by_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
