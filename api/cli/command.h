/* The sub-commands of `millrace`: each gets its own argv (argv[0] is its name) and returns the exit
 * status of the process. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

typedef int (*command_fn)(int argc, char **argv);

int cmd_up(int argc, char **argv);

#endif
