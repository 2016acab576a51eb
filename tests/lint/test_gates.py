"""What must hold for every source file: format, size, banned calls, layers, no foreign places.

Each test names all offenders at once, as `file:line: what`.
"""

import re
import shutil
import subprocess

import pytest

from lint_files import ROOT, tracked
from transitions import script_names, script_text

FORMAT_VERSION = 14  # others break lines in other places
FUNCTION_LINES_MAX = 90
FILE_LINES_MAX = 600
BANNED = r"strcpy|strcat|sprintf|vsprintf|strtok|atoi|gets|system|popen|sleep|usleep"
HEAP = r"malloc|calloc|realloc|strdup|strndup|asprintf"


def c_files():
    return tracked(".c", ".h")


def program_files():
    """C files of the programs, without tests."""
    return [p for p in c_files() if p.relative_to(ROOT).parts[0] in
            ("api", "common", "scheduler", "worker")]


def name(path):
    return str(path.relative_to(ROOT))


def code_lines(path):
    """Lines with comments and string contents blanked, so that only code is matched."""
    def blank(match):
        text = match.group(0)
        return "\n" * text.count("\n") if text.startswith("/") else '""'
    text = re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', blank, path.read_text(), flags=re.S)
    return list(enumerate(text.split("\n"), 1))


def calls(paths, pattern):
    call = re.compile(r"(?<![\w.>])(%s)\s*\(" % pattern)
    return ["%s:%d: %s" % (name(path), number, found.group(1))
            for path in paths for number, line in code_lines(path) if (found := call.search(line))]


def includes(paths, pattern):
    include = re.compile(r"^\s*#\s*include\s*[<\"](%s)" % pattern, re.M)
    return ["%s: %s" % (name(path), found.group(1))
            for path in paths for found in include.finditer(path.read_text())]


def without(paths, *allowed):
    """Paths that match none of the allowed patterns."""
    return [p for p in paths if not any(re.fullmatch(a, name(p)) for a in allowed)]


def long_functions(path):
    start, signature, found = None, "", []
    for number, line in enumerate(path.read_text().split("\n"), 1):
        if re.match(r"[A-Za-z_].*\)\s*$", line):
            signature = line
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            if number - start > FUNCTION_LINES_MAX:
                found.append("%s:%d: %d lines: %s" % (name(path), start, number - start, signature))
            start = None
    return found


def test_c_files_are_formatted():
    tool = shutil.which("clang-format-%d" % FORMAT_VERSION) or shutil.which("clang-format")
    if tool is None:
        pytest.skip("clang-format is not installed")
    said = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout
    if "version %d." % FORMAT_VERSION not in said:
        pytest.skip("the code is formatted by clang-format %d, here is %s"
                    % (FORMAT_VERSION, said.strip()))
    done = subprocess.run([tool, "--dry-run", "-Werror", *map(str, c_files())],
                          capture_output=True, text=True)
    wrong = sorted(set(re.findall(r"^(\S+?):\d+", done.stderr, re.M)))
    assert not wrong and done.returncode == 0, "run %s -i on: %s" % (tool, " ".join(wrong))


def test_functions_are_short():
    assert [hit for path in c_files() for hit in long_functions(path)] == []


def test_files_are_short():
    sizes = {name(p): len(p.read_text().split("\n")) - 1 for p in tracked(".c", ".h", ".cu", ".py", ".lua")}
    assert {path: lines for path, lines in sizes.items() if lines > FILE_LINES_MAX} == {}


def test_no_banned_calls():
    assert calls(program_files(), BANNED) == []


def test_memory_comes_from_alloc():
    assert calls(without(program_files(), r"common/base/alloc\.[ch]"), HEAP) == []


def test_no_blocking_calls():
    assert calls(program_files(), r"redisCommand|redisAppendCommand|redisConnect|redisGetReply") == []
    assert calls(without(program_files(), r"api/cli/.*", r"worker/sdk/.*"), "curl_easy_perform") == []


def test_no_goto():
    hits = ["%s:%d" % (name(path), number) for path in program_files()
            for number, line in code_lines(path) if re.search(r"\bgoto\b", line)]
    assert hits == []


@pytest.mark.parametrize("library, header, owners", [
    ("hiredis", r"hiredis[^>\"]*", [r"common/queue/store\w*\.[ch]"]),
    ("nng", r"nng/[^>\"]*", [r"common/net/bus\.c"]),
    ("llhttp", r"llhttp[^>\"]*", [r"common/net/http\w*\.[ch]"]),
])
def test_each_library_has_one_owner(library, header, owners):
    assert includes(without(program_files(), *owners), header) == []


@pytest.mark.parametrize("part", ["api", "scheduler", "worker"])
def test_programs_know_only_common(part):
    others = "|".join({"api", "scheduler", "worker"} - {part})
    files = [p for p in program_files() if p.relative_to(ROOT).parts[0] == part]
    assert includes(files, r"(?:\.\./)*(?:%s)/[^>\"]*" % others) == []


def test_common_knows_nobody():
    files = [p for p in program_files() if p.relative_to(ROOT).parts[0] == "common"]
    assert includes(files, r"(?:\.\./)*(?:api|scheduler|worker)/[^>\"]*") == []
    base = [p for p in files if p.parent.name == "base"]
    assert includes(base, r"(?:net|queue)/[^>\"]*|uv\.h") == []
    net = [p for p in files if p.parent.name == "net"]
    assert includes(net, r"queue/[^>\"]*") == []


def test_scripts_are_clean(tmp_path):
    if shutil.which("luacheck") is None:
        pytest.skip("luacheck is not installed")
    for script in script_names():
        (tmp_path / (script + ".lua")).write_text(script_text(script))
    done = subprocess.run(
        ["luacheck", "--no-color", "--codes", "--std", "lua51", "--read-globals", "redis", "KEYS",
         "ARGV", "--max-line-length", "110", "--ignore", "211", "431", "--", str(tmp_path)],
        capture_output=True, text=True)
    wrong = [line.strip().replace(str(tmp_path) + "/", "") for line in done.stdout.split("\n")
             if re.match(r"\s+/", line)]
    assert wrong == [] and done.returncode == 0, done.stderr


def test_shell_scripts_parse():
    scripts = [p for p in tracked() if p.suffix == ".sh" or p.suffix == "" and
               p.read_bytes()[:24].startswith(b"#!/usr/bin/env bash")]
    assert scripts
    wrong = [name(p) for p in scripts if subprocess.run(["bash", "-n", p]).returncode]
    assert wrong == []


def test_text_names_no_machine_and_no_registry():
    foreign = re.compile(
        r"(?<![\w.])/(?:work|farm|home|Users)/"
        r"|https?://[a-z0-9.-]*(?:debian|pypi|pythonhosted|npmjs|golang)[a-z0-9.-]*\.(?:org|com)")
    hits = []
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        hits += ["%s:%d: %s" % (name(path), number, line.strip()[:80])
                 for number, line in enumerate(text.split("\n"), 1) if foreign.search(line)]
    assert hits == []
