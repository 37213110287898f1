#!/usr/bin/env python3
"""Runs clang-tidy over the sources of src/ and operator/, two at a time.

A file that passed is not looked at again until it, a header of ours that it includes, .clang-tidy or the compiler's
command changes: stamps named after a hash of all these are kept in the cache folder. Which headers those are is what
ninja learnt when it built the file; for a file not built yet, all headers count.

Usage: tidy.py ROOT BUILD_DIR STAMPS        exit status 1 when a check failed
"""
import concurrent.futures
import hashlib
import json
import os
import subprocess
import sys
import time

TIDY = "clang-tidy-19"


def digest(parts):
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def headers_by_object(build):
    """{object file: files it was made from}, as ninja recorded them."""
    result, current = {}, []
    listing = subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True)
    for line in listing.stdout.splitlines():
        if line.startswith(" "):
            current.append(os.path.normpath(os.path.join(build, line.strip())))
        elif ": #deps" in line:
            name, _, state = line.partition(": ")
            current = []
            if "(VALID)" in state:
                result[name] = current
    return result


def main():
    root, build, stamps = (os.path.realpath(argument) for argument in sys.argv[1:4])
    os.makedirs(stamps, exist_ok=True)
    ours = tuple(os.path.join(root, folder) + os.sep for folder in ("src", "operator"))
    with open(os.path.join(build, "compile_commands.json")) as file:
        units = {unit["file"]: unit for unit in json.load(file) if unit["file"].startswith(ours)}
    known = headers_by_object(build)
    every_header = sorted(
        os.path.join(folder, name) for top in ours for folder, _, names in os.walk(top) for name in names if name.endswith(".h"))
    version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    config = read(os.path.join(root, ".clang-tidy"))

    todo = []
    for path, unit in sorted(units.items()):
        includes = known.get(unit.get("output", ""), every_header)
        mine = sorted(name for name in includes if name.startswith(root + os.sep))
        # The commit that --version names is part of version.cc's command; it means nothing here.
        command = " ".join(word for word in unit["command"].split() if "REMPART_COMMIT" not in word)
        key = digest([version, config, command.encode(), read(path)] + [read(name) for name in mine])
        stamp = os.path.join(stamps, key)
        if os.path.exists(stamp):
            os.utime(stamp)
        else:
            todo.append((path, stamp))
    for name in os.listdir(stamps):  # what nothing asked for in a month
        stamp = os.path.join(stamps, name)
        if time.time() - os.path.getmtime(stamp) > 30 * 86400:
            os.unlink(stamp)

    def check(job):
        path, stamp = job
        run = subprocess.run([TIDY, "--quiet", "-p", build, path], capture_output=True, text=True)
        if run.returncode == 0:
            open(stamp, "w").close()
        return path, run

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for number, (path, run) in enumerate(pool.map(check, todo), 1):
            print(f"[{number}/{len(todo)}] {os.path.relpath(path, root)}", flush=True)
            if run.returncode:
                failed += 1
                # Its stderr counts suppressed warnings of system headers; it matters only when clang-tidy itself broke.
                print(run.stdout.strip() or run.stderr.strip(), flush=True)
    print(f"clang-tidy: {len(units)} files, {len(todo)} looked at, {failed} with findings")
    return 1 if failed else 0


sys.exit(main())
