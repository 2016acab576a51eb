/* The input is not decoded: the handler gets a slice of the agent's bytes. */
#include "job.h"

#include "base/id.h"
#include "base/json.h"

#define JOB_ID_MAX 256

static enum err read_id(struct slice string, char **ret_id);

static struct job *job_new(struct slice object, struct host *host)
{
    struct job *job = xcalloc(1, sizeof(*job));
    job->bytes = slice_dup(object);
    job->host = host;
    list_init(&job->held);
    list_init(&job->queued);
    ensure(pthread_mutex_init(&job->lock, NULL) == 0);
    return job;
}

enum err job_parse(struct slice object, struct host *host, struct job **ret_job)
{
    AUTO(job_free) struct job *job = job_new(object, host);
    struct slice text = {job->bytes, object.len};
    struct json_member members[] = {{.name = "id"}, {.name = "input"}};
    struct json_problem problem;
    enum err err = json_scan(text, members, COUNT_OF(members), &problem);
    if (err != ERR_OK) {
        return err;
    }
    if (members[0].value.len == 0 || members[0].type != JSON_STRING || members[1].value.len == 0) {
        return ERR_BAD_REQUEST;
    }
    err = read_id(members[0].value, &job->id);
    if (err != ERR_OK) {
        return err;
    }
    job->face = (struct millrace_job){.id = job->id,
                                      .input = members[1].value.ptr,
                                      .input_len = members[1].value.len,
                                      .request = job->bytes,
                                      .request_len = object.len};
    *ret_job = steal(job);
    return ERR_OK;
}

/* Control bytes would end up in a header. */
static enum err read_id(struct slice string, char **ret_id)
{
    AUTO(buf_done) struct buf id = BUF_INIT;
    enum err err = json_unquote(string, &id);
    if (err != ERR_OK) {
        return err;
    }
    if (id.len == 0 || id.len > JOB_ID_MAX) {
        return ERR_BAD_REQUEST;
    }
    for (size_t i = 0; i < id.len; i++) {
        if ((unsigned char)id.ptr[i] <= ' ' || id.ptr[i] == 0x7f) {
            return ERR_BAD_REQUEST;
        }
    }
    *ret_id = buf_take_str(&id);
    return ERR_OK;
}

void job_set_error(struct job *job, struct slice text)
{
    if (job->error == NULL) {
        job->error = slice_dup(text);
    }
}

void job_free(struct job *job)
{
    if (job == NULL) {
        return;
    }
    pthread_mutex_destroy(&job->lock);
    buf_done(&job->output);
    free(job->error);
    free(job->bytes);
    free(job->id);
    free(job);
}
