/* What the autoscaler would do with a trace: each decision that changes something on a line, then
 * what the jobs waited and what it cost.
 *
 *   scale_sim --rate 0.8 --job-s 8 --start-s 60 --max 20 --hours 2 --poisson
 *   scale_sim --trace FILE ...        lines "ARRIVAL_S JOB_S", in order
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/config.h"
#include "sim.h"

struct settings {
    const char *trace, *rate, *job_s, *value;
    int64_t start_s, min, max, idle_s, slots, hours, seed;
    bool is_poisson, is_count, is_quiet;
};

static const struct config_option *options_of(struct settings *s, size_t *ret_count)
{
    static struct config_option options[14];
    const struct config_option all[] = {
        {.name = "trace",
         .kind = CONFIG_STRING,
         .target = &s->trace,
         .argument = "FILE",
         .help = "jobs, a line each: ARRIVAL_S JOB_S"},
        {.name = "rate",
         .kind = CONFIG_STRING,
         .target = &s->rate,
         .argument = "N",
         .fallback = "0.8",
         .help = "without a trace: jobs a second"},
        {.name = "job-s",
         .kind = CONFIG_STRING,
         .target = &s->job_s,
         .argument = "S",
         .fallback = "8",
         .help = "without a trace: seconds of a job"},
        {.name = "poisson",
         .kind = CONFIG_FLAG,
         .target = &s->is_poisson,
         .help = "without a trace: random gaps"},
        {.name = "seed",
         .kind = CONFIG_INT,
         .target = &s->seed,
         .argument = "N",
         .fallback = "0",
         .max = 1000000,
         .help = "of the random gaps"},
        {.name = "hours",
         .kind = CONFIG_INT,
         .target = &s->hours,
         .argument = "N",
         .fallback = "2",
         .min = 1,
         .max = 1000,
         .help = "simulated time"},
        {.name = "start-s",
         .kind = CONFIG_INT,
         .target = &s->start_s,
         .argument = "S",
         .fallback = "60",
         .max = 3600,
         .help = "cold start"},
        {.name = "slots",
         .kind = CONFIG_INT,
         .target = &s->slots,
         .argument = "N",
         .fallback = "1",
         .min = 1,
         .max = SIM_WORKER_JOBS_MAX,
         .help = "jobs a worker takes at once"},
        {.name = "min",
         .kind = CONFIG_INT,
         .target = &s->min,
         .argument = "N",
         .fallback = "0",
         .max = 1000,
         .help = "workersMin"},
        {.name = "max",
         .kind = CONFIG_INT,
         .target = &s->max,
         .argument = "N",
         .fallback = "20",
         .min = 1,
         .max = 1000,
         .help = "workersMax"},
        {.name = "idle-s",
         .kind = CONFIG_INT,
         .target = &s->idle_s,
         .argument = "S",
         .fallback = "5",
         .max = 3600,
         .help = "idleTimeout"},
        {.name = "scaler-value",
         .kind = CONFIG_STRING,
         .target = &s->value,
         .argument = "N",
         .fallback = "4",
         .help = "scalerValue"},
        {.name = "by-count", .kind = CONFIG_FLAG, .target = &s->is_count, .help = "REQUEST_COUNT"},
        {.name = "quiet", .kind = CONFIG_FLAG, .target = &s->is_quiet, .help = "only the summary"},
    };
    memcpy(options, all, sizeof(all));
    *ret_count = COUNT_OF(all);
    return options;
}

static void read_trace(const char *path, struct sim_trace *trace)
{
    double at_s, work_s;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        (void)fprintf(stderr, "scale_sim: --trace %s: cannot be read\n", path);
        exit(2);
    }
    while (fscanf(file, "%lf %lf", &at_s, &work_s) == 2) {
        trace->jobs = xrealloc(trace->jobs, (trace->count + 1) * sizeof(*trace->jobs));
        trace->jobs[trace->count++] =
            (struct sim_job){(int64_t)(at_s * 1000), (int64_t)(work_s * 1000)};
    }
    (void)fclose(file);
}

static void print_decision(const struct roster_endpoint *endpoint, int64_t at_ms, void *arg)
{
    const struct scale_input *in = &endpoint->input;
    (void)arg;
    printf("%9.1f s  want %3lld  %-13s  waiting %4lld late %4lld  starting %3lld idle %3lld busy "
           "%3lld  rate %.3f job %.1f s start %.0f s\n",
           (double)at_ms / 1000, (long long)endpoint->decision.want,
           scale_reason_name(endpoint->decision.reason), (long long)in->waiting,
           (long long)in->late, (long long)in->starting, (long long)in->idle, (long long)in->busy,
           in->rate, in->job_s, in->start_s);
}

static void print_summary(const struct sim_endpoint *endpoint)
{
    printf("jobs %zu taken %zu  wait p50 %.1f s p95 %.1f s p99 %.1f s max %.1f s  starts %zu stops "
           "%zu most %lld  worker-hours %.2f\n",
           endpoint->job_count, endpoint->taken, (double)sim_wait(endpoint, 0.5) / 1000,
           (double)sim_wait(endpoint, 0.95) / 1000, (double)sim_wait(endpoint, 0.99) / 1000,
           (double)sim_wait(endpoint, 1) / 1000, endpoint->start_count, endpoint->stop_count,
           (long long)endpoint->most, (double)endpoint->worker_ms / 3600000);
}

int main(int argc, char **argv)
{
    struct settings s = {0};
    struct config_spec spec = {.program = "scale_sim",
                               .summary = "Simulates the autoscaler on one endpoint."};
    spec.options = options_of(&s, &spec.option_count);
    (void)config_load(&spec, argc, argv);
    struct sim_trace trace = {.seed = (uint64_t)s.seed};
    if (s.trace != NULL) {
        read_trace(s.trace, &trace);
    } else {
        sim_trace_add(&trace, s.is_poisson ? SIM_POISSON : SIM_EVEN, strtod(s.rate, NULL), 0,
                      s.hours * 3600000, (int64_t)(strtod(s.job_s, NULL) * 1000));
    }
    struct sim_endpoint endpoint = {.id = "sim",
                                    .start_ms = s.start_s * 1000,
                                    .slots = s.slots,
                                    .jobs = trace.jobs,
                                    .job_count = trace.count};
    endpoint.conf =
        (struct endpoint){.workers_min = s.min,
                          .workers_max = s.max,
                          .idle_timeout_s = s.idle_s,
                          .weight = 1,
                          .scaler = s.is_count ? SCALER_REQUEST_COUNT : SCALER_QUEUE_DELAY,
                          .scaler_value = strtod(s.value, NULL)};
    const struct sim_agent agent = {.slots = 1000};
    struct sim *sim = sim_new(&endpoint, 1, &agent, 1);
    sim_on_decision(sim, s.is_quiet ? NULL : print_decision, NULL);
    sim_run(sim, s.hours * 3600000);
    print_summary(&endpoint);
    sim_free(sim);
    sim_endpoint_done(&endpoint);
    free(trace.jobs);
    return 0;
}
