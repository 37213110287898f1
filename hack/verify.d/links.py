#!/usr/bin/env python3
"""Checks the relative links of Markdown files: the file is there, and so is the heading where one is named.

Usage: links.py FILE...        exit status 1 when a link leads nowhere
"""
import os
import re
import sys

LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\s*\[[^\]]+\]:\s*<?(\S+?)>?\s*$")
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)  # a scheme


def lines_of(path):
    """(number, line) outside of code blocks, without code spans."""
    fence = None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            mark = re.match(r"\s*(```+|~~~+)", line)
            if mark and (fence is None or mark.group(1).startswith(fence)):
                fence = None if fence else mark.group(1)
            elif fence is None:
                yield number, line


def anchors(path):
    """The names that headings get on the usual forges."""
    found = set()
    for _, line in lines_of(path):
        heading = re.match(r"#{1,6}\s+(.*?)\s*#*\s*$", line)
        if heading:
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1)).lower()
            name = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            copy, number = name, 0
            while copy in found:
                number += 1
                copy = f"{name}-{number}"
            found.add(copy)
        found.update(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", line))
    return found


def main():
    broken = 0
    for path in sys.argv[1:]:
        for number, line in lines_of(path):
            for match in LINK.finditer(re.sub(r"`[^`]*`", "", line)):
                link = match.group(1) or match.group(2)
                if ELSEWHERE.match(link):
                    continue
                file, _, heading = link.partition("#")
                target = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
                if not os.path.exists(target):
                    reason = "no such file"
                elif heading and target.endswith(".md") and heading not in anchors(target):
                    reason = "no such heading"
                else:
                    continue
                print(f"{path}:{number}: {link}: {reason}")
                broken += 1
    return 1 if broken else 0


sys.exit(main())
