#!/usr/bin/env python3
"""Shows that the chart takes the values that it should, and refuses the others by name.

Usage: values.py CHART TABLE PAGE        helm is on the PATH; exit status 1 when something is not so

TABLE (tests/chart/values.yaml) has good and bad values of every member; its head says what each entry means. Beside it are
tried, of every member: null, and an unknown member next to it; of the chart: the defaults, and the first good value of all
members at once, by `helm lint --strict` too. PAGE (docs/chart.md) is to name every member, as `image.tag`.
"""
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import yaml

UNKNOWN = "unknownMember"
ENTRY = {"good", "bad", "with", "unseen"}


class Helm:
    def __init__(self, chart, folder):
        self.chart, self.folder, self.count = chart, folder, 0

    def run(self, *command, values):
        """(rendered text, None), or (None, error text)"""
        self.count += 1
        handle, path = tempfile.mkstemp(suffix=".json", dir=self.folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(values, file)
        done = subprocess.run(["helm", *command, "--values", path], capture_output=True, text=True, timeout=60, check=False)
        return (done.stdout, None) if done.returncode == 0 else (None, done.stderr + done.stdout)

    def render(self, values):
        return self.run("template", "rempart", self.chart, "--namespace", "rempart-system", values=values)

    def lint(self, values):
        return self.run("lint", "--strict", "--quiet", self.chart, values=values)


def members(schema, path=()):
    """Paths of the schema: (objects with members of their own, all that is no such object, members that are required)."""
    if "properties" not in schema:
        return set(), {path}, set()
    objects, leaves, required = {path}, set(), {path + (name,) for name in schema.get("required", [])}
    for name, inner in schema["properties"].items():
        for whole, part in zip((objects, leaves, required), members(inner, path + (name,))):
            whole |= part
    return objects, leaves, required


def set_in(values, path, value):
    """A copy of the values with one more."""
    whole = json.loads(json.dumps(values))
    inside = whole
    for name in path[:-1]:
        inside = inside.setdefault(name, {})
    inside[path[-1]] = value
    return whole


def get_in(values, path):
    for name in path:
        if not isinstance(values, dict) or name not in values:
            return None
        values = values[name]
    return values


def names(error, path):
    """Whether an error of helm is about the value: `at '/image/tag'`, an unknown or missing 'tag' `at '/image'`, or the
    path with dots, as the chart's own texts have it."""
    pointer, parent = "/" + "/".join(path), "/".join(("",) + path[:-1])
    for line in error.splitlines():
        at = line.split("at '", 1)[-1].split("'", 1)[0] if "at '" in line else None
        if at is not None and (at == pointer or at.startswith(pointer + "/")):
            return True
        if at == parent and f"'{path[-1]}'" in line.split(f"at '{at}'", 1)[1]:
            return True
        if ".".join(path) + ":" in line:
            return True
    return False


def objects_of(text):
    """What is rendered, as objects; an error where it is no YAML, or no object of Kubernetes."""
    objects = [one for one in yaml.safe_load_all(text) if one is not None]
    for one in objects:
        if not (isinstance(one, dict) and one.get("apiVersion") and one.get("kind") and one.get("metadata", {}).get("name")):
            raise ValueError(f"rendered, but no object: {str(one)[:200]}")
    return objects


def lacking(objects, values):
    """What the operator's pods are to be whatever the values, and are not: of the level `restricted` of Pod Security and more,
    probed, bounded (unless `values` say how)."""
    pod = next(one for one in objects if one["kind"] == "Deployment")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    of_pod, of_container = pod.get("securityContext") or {}, container.get("securityContext") or {}
    resources = container.get("resources") or {}
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    own_account = get_in(values, ("serviceAccount", "create")) is not False
    wanted = {
        "one container": len(pod["containers"]) == 1 and "initContainers" not in pod,
        "an account of its own": pod.get("serviceAccountName") not in (None, "default") or not own_account,
        "runAsNonRoot": of_pod.get("runAsNonRoot") is True and of_pod.get("runAsUser", 0) > 0,
        "seccompProfile": of_pod.get("seccompProfile") == {"type": "RuntimeDefault"},
        "allowPrivilegeEscalation": of_container.get("allowPrivilegeEscalation") is False,
        "readOnlyRootFilesystem": of_container.get("readOnlyRootFilesystem") is True,
        "capabilities": of_container.get("capabilities") == {"drop": ["ALL"]},
        "nothing of the host": not {"hostNetwork", "hostPID", "hostIPC", "volumes"} & set(pod),
        "livenessProbe": container.get("livenessProbe", {}).get("httpGet") == {"path": "/healthz", "port": "health"},
        "readinessProbe": container.get("readinessProbe", {}).get("httpGet") == {"path": "/readyz", "port": "health"},
        "ports": f"--health-addr=:{ports['health']}" in container["args"] and f"--metrics-addr=:{ports['metrics']}" in container["args"],
        "resources": "resources" in values or ({"cpu", "memory"} <= set(resources.get("requests", {})) and "memory" in resources.get("limits", {})),
        "a clean shutdown": pod.get("terminationGracePeriodSeconds", 30) > 30,
    }
    return [name for name, holds in wanted.items() if not holds]


def check_good(helm, values, before):
    """What is wrong with values that are to be taken; `before`: what is to look different (None: nothing)."""
    text, error = helm.render(values)
    if error is not None:
        return "refused: " + error.strip()
    try:
        lacks = lacking(objects_of(text), values)
    except (ValueError, yaml.YAMLError) as problem:
        return f"what is rendered is unusable: {problem}"
    if lacks:
        return "the operator's pods lack " + ", ".join(lacks)
    return "nothing that is rendered shows it" if text == before else None


def check_bad(helm, values, path):
    text, error = helm.render(values)
    if error is None:
        return "taken, and should be refused"
    return None if names(error, path) else "refused, but the error does not name it: " + error.strip()


def check_lint(helm, values):
    text, error = helm.lint(values)
    return None if error is None else "helm lint: " + error.strip()


def cases_of(helm, table, objects, leaves):
    """(what, check, arguments...) of all that is tried."""
    everything, seen_without = {}, {}
    yield "the defaults", check_good, {}, None
    yield "the defaults", check_lint, {}
    for path in sorted(leaves):
        dotted = ".".join(path)
        entry = table[dotted]
        base = entry.get("with", {})
        key = json.dumps(base, sort_keys=True)
        if "unseen" not in entry and key not in seen_without:
            seen_without[key] = helm.render(base)[0]
        for value in entry["good"]:
            yield f"{dotted}: {json.dumps(value)}", check_good, set_in(base, path, value), None if "unseen" in entry else seen_without[key]
        for value in entry["bad"]:
            yield f"{dotted}: {json.dumps(value)}", check_bad, set_in(base, path, value), path
        everything = set_in(everything, path, entry["good"][0])
    for path in sorted(objects):
        yield f"{'.'.join(path + (UNKNOWN,))}: 1", check_bad, set_in({}, path + (UNKNOWN,), 1), path + (UNKNOWN,)
    yield "all first good values", check_good, everything, None
    yield "all first good values", check_lint, everything


def null_cases(helm, defaults, known, required):
    """null takes a default away. What cannot be without is to be refused, and no template is to stumble over the rest."""
    for path in sorted(known):
        if not path or get_in(defaults, path) is None:
            continue
        what, values = f"{'.'.join(path)}: null", set_in({}, path, None)
        if path in required:
            yield what, check_bad, values, path
        else:
            yield what, check_good, values, helm.render({})[0]


def table_problems(table, defaults, leaves, objects):
    """What is missing from the table, or superfluous there."""
    listed, wanted = set(table), {".".join(path) for path in leaves}
    for name in sorted(wanted - listed):
        yield f"{name}: not in the table"
    for name in sorted(listed - wanted):
        yield f"{name}: in the table, but not in the schema"
    for name in sorted(listed & wanted):
        entry = table[name]
        if set(entry) - ENTRY or not entry.get("good") or not entry.get("bad"):
            yield f"{name}: an entry has good and bad values, and may have {sorted(ENTRY - {'good', 'bad'})}"
    yield from undeclared(defaults, leaves | objects)


def undeclared(defaults, known, path=()):
    """Members of values.yaml that the schema does not have by name."""
    for name, value in defaults.items():
        inner = path + (name,)
        if inner not in known:
            yield f"{'.'.join(inner)}: in values.yaml, but not in its schema"
        elif isinstance(value, dict) and any(one[: len(inner)] == inner and len(one) > len(inner) for one in known):
            yield from undeclared(value, known, inner)


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def main():
    chart, table_path, page_path = sys.argv[1:]
    table, defaults = load(table_path), load(os.path.join(chart, "values.yaml"))
    with open(os.path.join(chart, "values.schema.json"), encoding="utf-8") as file:
        objects, leaves, required = members(json.load(file))
    with open(page_path, encoding="utf-8") as file:
        page = file.read()
    problems = [f"{name}: {page_path} does not name it" for name in map(".".join, sorted(leaves)) if f"`{name}`" not in page]
    problems += table_problems(table, defaults, leaves, objects)
    if not problems:
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
            helm = Helm(chart, folder)
            cases = [*cases_of(helm, table, objects, leaves), *null_cases(helm, defaults, objects | leaves, required)]
            results = pool.map(lambda case: case[1](helm, *case[2:]), cases)
            problems = [f"{case[0]}: {result}" for case, result in zip(cases, results) if result]
            print(f"{len(cases)} sets of values, {len(leaves)} members")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


sys.exit(main())
