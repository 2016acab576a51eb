/* The sub-commands of `millrace`: each gets its own argv (argv[0] is its name) and returns the exit
 * status of the process. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

typedef int (*command_fn)(int argc, char **argv);

int cmd_up(int argc, char **argv);
int cmd_endpoints(int argc, char **argv);
int cmd_keys(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_runsync(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_stream(int argc, char **argv);
int cmd_cancel(int argc, char **argv);
int cmd_retry(int argc, char **argv);
int cmd_purge(int argc, char **argv);
int cmd_health(int argc, char **argv);
int cmd_logs(int argc, char **argv);
int cmd_requests(int argc, char **argv);
int cmd_workers(int argc, char **argv);
int cmd_doctor(int argc, char **argv);

#endif
