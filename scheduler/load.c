/* A ring of samples, at least a second apart; the window is what lies between the newest and the
 * one that is just about a minute old.
 *
 * A minute of arrivals says a rate to about a seventh. What is stopped for a lull must be started
 * again for a cold start's time and price, so the largest rate is held for some cold starts: cheap
 * starts hold nothing.
 *
 * Job time is the mean of what finished within the window, else of what finished before; jobs in
 * work that have run longer than that say that it is longer. Likewise a cold start that goes on. */
#include "load.h"

#include <stdbool.h>

#include "base/alloc.h"

#define SAMPLE_MS 1000

static struct load_sample *sample_back(struct load *load, size_t steps)
{
    return &load->samples[(load->newest + LOAD_SAMPLES - steps) % LOAD_SAMPLES];
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void note(struct load *load, const struct load_reading *reading)
{
    struct load_sample *newest = &load->samples[load->newest];
    if (load->count > 0 && reading->now_ms - newest->at_ms < SAMPLE_MS) {
        newest->peak = most(newest->peak, reading->jobs);
        return;
    }
    load->newest = (load->newest + 1) % LOAD_SAMPLES;
    load->count += load->count < LOAD_SAMPLES;
    load->samples[load->newest] = (struct load_sample){
        reading->now_ms, reading->arrivals, reading->finished, reading->work_ms, reading->jobs};
}

/* The youngest sample that is a window old, or the oldest there is; and the peak since then. */
static const struct load_sample *window_begin(struct load *load, int64_t now_ms)
{
    const struct load_sample *begin = sample_back(load, 0);
    load->peak = begin->peak;
    for (size_t i = 1; i < load->count && now_ms - begin->at_ms < LOAD_WINDOW_MS; i++) {
        begin = sample_back(load, i);
        load->peak = most(load->peak, begin->peak);
    }
    return begin;
}

static double at_least(double value, double least)
{
    return value > least ? value : least;
}

void load_remember(struct load *load, int64_t start_ms)
{
    if (load->start_known_s <= 0) {
        load->start_known_s = (double)start_ms / 1000;
    }
}

/* A ring of the largest rates, a sample for each part of the time they are held. */
static void hold_rate(struct load *load, int64_t now_ms)
{
    int64_t held_ms = (int64_t)(load->start_s * 1000) * LOAD_HOLD_STARTS;
    held_ms = held_ms < LOAD_HOLD_MAX_MS ? held_ms : LOAD_HOLD_MAX_MS;
    if (load->peak_count == 0 || now_ms - load->peaks[load->peak_newest].at_ms >= LOAD_PEAK_MS) {
        load->peak_newest = (load->peak_newest + 1) % LOAD_PEAKS;
        load->peak_count += load->peak_count < LOAD_PEAKS;
        load->peaks[load->peak_newest] = (struct load_peak){now_ms, 0};
    }
    struct load_peak *newest = &load->peaks[load->peak_newest];
    newest->rate = at_least(load->rate, newest->rate);
    load->rate_held = load->rate;
    for (size_t i = 0; i < load->peak_count; i++) {
        if (now_ms - load->peaks[i].at_ms <= held_ms) {
            load->rate_held = at_least(load->peaks[i].rate, load->rate_held);
        }
    }
}

void load_read(struct load *load, const struct load_reading *reading)
{
    note(load, reading);
    const struct load_sample *begin = window_begin(load, reading->now_ms);
    int64_t finished = reading->finished - begin->finished;
    int64_t work_ms = reading->work_ms - begin->work_ms;
    if (finished > 0) {
        load->job_known_s = (double)work_ms / 1000 / (double)finished;
    } else if (load->job_known_s <= 0 && reading->finished > 0) {
        load->job_known_s = (double)reading->work_ms / 1000 / (double)reading->finished;
    }
    load->start_known_s =
        reading->start_ms > 0 ? (double)reading->start_ms / 1000 : load->start_known_s;
    load->rate = (double)most(reading->arrivals - begin->arrivals, 0) * 1000 / LOAD_WINDOW_MS;
    load->job_s = at_least(load->job_known_s, (double)reading->running_ms / 1000);
    load->start_s = at_least(load->start_known_s, (double)reading->start_floor_ms / 1000);
    hold_rate(load, reading->now_ms);
    load->slots = at_least(reading->slots > 0 ? reading->slots : load->slots, 1);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The least of the present part and of the one before, which together are the window or longer. */
int64_t load_spare(struct load *load, int64_t now_ms, int64_t window_ms, int64_t idle)
{
    bool is_late = now_ms - load->spare_ms > 2 * window_ms; /* nobody has looked meanwhile */
    if (now_ms - load->spare_ms >= window_ms) {
        load->spare_before = is_late ? 0 : load->spare_now;
        load->spare_now = idle;
        load->spare_ms = now_ms;
    }
    load->spare_now = least(load->spare_now, idle);
    return least(load->spare_now, load->spare_before);
}
