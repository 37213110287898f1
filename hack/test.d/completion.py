#!/usr/bin/env python3
"""Types into bash, zsh and fish, presses Tab, and looks at what the line has become.

Usage: completion.py FOLDER        of kubectl-rempart; exit status 1 when a line is not completed as it should be

Each shell runs in a terminal of its own, without its user's configuration, and reads `kubectl-rempart completion SHELL`. No
cluster is asked: what is completed here are commands, options, their values, rules and files.
"""
import os
import pty
import select
import shlex
import shutil
import sys
import tempfile
import time

PATIENCE = 30  # seconds for one answer of a shell

# What is typed, and what it is after Tab. A space behind a word that is complete is the shells' own.
LINES = [
    ("kubectl-rempart sta", "kubectl-rempart status"),
    ("kubectl-rempart explain ru", "kubectl-rempart explain rule"),
    ("kubectl-rempart explain rule RP-10", "kubectl-rempart explain rule RP-10"),  # RP-101, RP-102: nothing to choose
    ("kubectl-rempart explain rule RP-101", "kubectl-rempart explain rule RP-101"),
    ("kubectl-rempart status --out", "kubectl-rempart status --output"),
    ("kubectl-rempart status -o j", "kubectl-rempart status -o json"),
    ("kubectl-rempart status --output=j", "kubectl-rempart status --output=json"),
    ("kubectl-rempart check manif", "kubectl-rempart check manifests.yaml"),
    ("kubectl-rempart check --region manif", "kubectl-rempart check --region manifests.yaml"),
    ("kubectl-rempart check --region=manif", "kubectl-rempart check --region=manifests.yaml"),
    ("kubectl-rempart status manif", "kubectl-rempart status manif"),  # a region, and no file
]

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], ["source <(kubectl-rempart completion bash)"]),
    "zsh": (["zsh", "-f", "-i"], ["autoload -Uz compinit", "compinit -u -D", "source <(kubectl-rempart completion zsh)"]),
    "fish": (["fish", "--no-config", "-i"], ["kubectl-rempart completion fish | source"]),
}


class Terminal:
    def __init__(self, command, folder, path):
        environment = {"PATH": path, "HOME": folder, "TERM": "dumb", "PS1": "", "LC_ALL": "C.UTF-8", "XDG_CONFIG_HOME": folder,
                       "XDG_DATA_HOME": folder}
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)
        self.seen = b""

    def type(self, keys):
        os.write(self.terminal, keys.encode())

    def await_file(self, path):
        """What a command wrote to a file that it then renamed: the terminal itself shows prompts and colours as well."""
        end = time.monotonic() + PATIENCE
        while not os.path.exists(path):
            ready, _, _ = select.select([self.terminal], [], [], 0.05)  # it must be read, or the shell stops
            if ready:
                try:
                    self.seen += os.read(self.terminal, 65536)
                except OSError:
                    break
            if time.monotonic() > end:
                break
        if not os.path.exists(path):
            raise TimeoutError(f"no answer; the terminal shows: {self.seen[-500:]!r}")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        os.remove(path)
        return text

    def close(self):
        os.close(self.terminal)
        os.kill(self.child, 9)
        os.waitpid(self.child, 0)


def stand_in(folder, path):
    """A folder with a kubectl-rempart that completes as the real one does, and else writes down how it was called."""
    real = shutil.which("kubectl-rempart", path=path)
    programs = os.path.join(folder, "programs")
    os.mkdir(programs)
    with open(os.path.join(programs, "kubectl-rempart"), "w", encoding="utf-8") as file:
        file.write(f'''#!/bin/sh
case $1 in
  completion | __complete) exec {shlex.quote(real)} "$@" ;;
  *) printf %s "$*" >answer.new && mv answer.new answer ;;
esac
''')
    os.chmod(file.name, 0o755)
    return programs


def lines_of(shell, folder, path):
    """Each line of LINES as the shell completes it."""
    command, setup = SHELLS[shell]
    answer = os.path.join(folder, "answer")
    terminal = Terminal(command, folder, stand_in(folder, path) + os.pathsep + path)
    try:
        for line in setup:
            terminal.type(line + "\nkubectl-rempart ready\n")
            terminal.await_file(answer)
        for typed, _ in LINES:
            terminal.type(typed + "\t\n")
            yield "kubectl-rempart " + terminal.await_file(answer)
    finally:
        terminal.close()


def main():
    program_folder = os.path.abspath(sys.argv[1])
    path = program_folder + os.pathsep + os.environ["PATH"]
    problems = 0
    for shell in SHELLS:
        with tempfile.TemporaryDirectory() as folder:
            for name in ("manifests.yaml", "other.yaml"):
                with open(os.path.join(folder, name), "w", encoding="utf-8"):
                    pass
            try:
                for (typed, wanted), line in zip(LINES, lines_of(shell, folder, path)):
                    if line.rstrip() != wanted:
                        problems += 1
                        print(f"{shell}: '{typed}' and Tab gave '{line}', not '{wanted}'")
            except TimeoutError as error:
                problems += 1
                print(f"{shell}: {error}")
    print(f"completion: {len(LINES)} lines in each of {', '.join(SHELLS)}, {problems} problems")
    return 1 if problems else 0


sys.exit(main())
