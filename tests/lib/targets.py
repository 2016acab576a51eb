"""What a deployment target tells a program is something that program knows."""

import re


def unknown_arguments(arguments, flags):
    """Of a command line (without the program) the flags that are none."""
    given = [word.split("=")[0] for word in arguments if word.startswith("--")]
    return [word for word in given if word not in flags]


def unknown_variables(names, flags):
    """Of environment variables those that look like settings of Millrace and are none."""
    ours = [name for name in names if name.startswith("MILLRACE_")]
    return [name for name in ours
            if "--" + name[len("MILLRACE_"):].lower().replace("_", "-") not in flags]


def env_file_names(text):
    """Variables of an environment file, those in comments too: they are meant to be used."""
    return re.findall(r"^#?([A-Z][A-Z0-9_]*)=", text, re.M)
