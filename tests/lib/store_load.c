/* store_load URL SECONDS ENDPOINT...: jobs into Redis as fast as a timer of 2 ms brings them.
 *
 * For each endpoint, each time, one submit and one RPUSH of a growing number onto mr:{ep}:order,
 * sent without waiting for the one before. Prints what became of each, at its end: stored EP ID MS
 * | failed EP ERROR MS | pushed EP NUMBER | heard NUMBER "heard" counts the messages of the channel
 * mr:load, to which each call of the last endpoint publishes, so that a feed that stays behind its
 * Redis is seen. Ends when all calls have ended. STORE_LOAD_WAIT_MS: how long calls wait for a
 * node, else 30 s. */
#include <stdio.h>
#include <stdlib.h>

#include "queue/queue.h"

#define TICK_MS 2
#define IN_FLIGHT_MAX 2000

struct load {
    struct loop *loop;
    struct store *store;
    struct feed *feed;
    struct timer timer;
    char **endpoints;
    int endpoint_count;
    uint64_t end_ms;
    long number, in_flight, heard;
};

enum kind { SUBMIT, PUSH, PUBLISH };

struct shot {
    struct store_call call;
    struct load *load;
    enum kind kind;
    const char *ep;
    long number;
    uint64_t started_ms;
};

static void shot_ended(struct store_call *call, enum err err, const struct reply *reply)
{
    struct shot *shot = container_of(call, struct shot, call);
    struct load *load = shot->load;
    unsigned long ms = (unsigned long)(loop_now_ms(load->loop) - shot->started_ms);
    if (err != ERR_OK) {
        (void)printf("failed %s %s %lu\n", shot->ep, err_name(err), ms);
    } else if (shot->kind == PUSH) {
        (void)printf("pushed %s %ld\n", shot->ep, shot->number);
    } else if (shot->kind == SUBMIT) {
        bool is_stored =
            reply_int(reply, 0) == SUBMIT_STORED || reply_int(reply, 0) == SUBMIT_STORED_BEFORE;
        (void)printf("%s %s job-%ld %lu\n", is_stored ? "stored" : "refused", shot->ep,
                     shot->number, ms);
    }
    free(shot);
    load->in_flight--;
    if (load->in_flight == 0 && !timer_is_running(&load->timer)) {
        loop_stop(load->loop);
    }
}

static struct shot *shot_new(struct load *load, enum kind kind, const char *ep)
{
    struct shot *shot = xcalloc(1, sizeof(*shot));
    *shot = (struct shot){.load = load,
                          .kind = kind,
                          .ep = ep,
                          .number = load->number,
                          .started_ms = loop_now_ms(load->loop)};
    load->in_flight++;
    return shot;
}

static void fire(struct load *load, const char *ep)
{
    char id[32], number[24], key[96];
    (void)snprintf(id, sizeof(id), "job-%ld", load->number);
    (void)snprintf(number, sizeof(number), "%ld", load->number);
    (void)snprintf(key, sizeof(key), "mr:{%s}:order", ep);
    const struct submit_args args = {.id = slice_of(id),
                                     .members = SLICE("\"input\":1"),
                                     .execution_ms = 5000,
                                     .ttl_ms = 600000,
                                     .retention_ms = 600000,
                                     .waiting_max = 100000000,
                                     .token = SLICE("0123456789abcdef")};
    struct slice ep_slice = slice_of(ep);
    queue_submit(load->store, &shot_new(load, SUBMIT, ep)->call, ep_slice, &args, shot_ended);
    const struct slice push[] = {SLICE("RPUSH"), slice_of(key), slice_of(number)};
    store_command(load->store, &shot_new(load, PUSH, ep)->call, push, COUNT_OF(push), shot_ended);
}

static void on_tick(struct timer *timer)
{
    struct load *load = container_of(timer, struct load, timer);
    if (loop_now_ms(load->loop) < load->end_ms || load->in_flight > 0) {
        timer_start(load->loop, timer, TICK_MS, on_tick);
    } else {
        loop_stop(load->loop);
    }
    if (loop_now_ms(load->loop) >= load->end_ms || load->in_flight > IN_FLIGHT_MAX) {
        return;
    }
    load->number++;
    for (int i = 0; i < load->endpoint_count; i++) {
        fire(load, load->endpoints[i]);
    }
    const struct slice words[] = {SLICE("PUBLISH"), SLICE("mr:load"), SLICE("x")};
    store_command(load->store, &shot_new(load, PUBLISH, "sys")->call, words, COUNT_OF(words),
                  shot_ended);
}

static void on_message(struct slice channel, struct slice message, void *arg)
{
    (void)channel;
    struct load *load = arg;
    load->heard += message.len > 0;
}

int main(int argc, char **argv)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    if (argc < 4 || store_check_url(argv[1], &problem) != ERR_OK) {
        (void)fprintf(stderr, "usage: store_load URL SECONDS ENDPOINT...: %.*s\n",
                      SLICE_ARG(buf_slice(&problem)));
        return 2;
    }
    struct load load = {.endpoints = argv + 3, .endpoint_count = argc - 3};
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    load.loop = loop_new();
    const char *wait_ms = getenv("STORE_LOAD_WAIT_MS");
    load.store = store_new(
        load.loop, &(struct store_config){
                       .url = argv[1], .wait_ms = strtoul(wait_ms ? wait_ms : "30000", NULL, 10)});
    load.feed = feed_new(load.store, on_message, &load);
    feed_add(load.feed, "mr:load");
    load.end_ms = loop_now_ms(load.loop) + (uint64_t)(strtod(argv[2], NULL) * 1000);
    timer_start(load.loop, &load.timer, 0, on_tick);
    loop_run(load.loop);
    (void)printf("heard %ld\nended\n", load.heard);
    feed_close(load.feed);
    store_close(load.store);
    loop_free(load.loop);
    return 0;
}
