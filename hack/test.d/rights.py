#!/usr/bin/env python3
"""Shows that the chart gives the operator no right too many: what its roles allow, beside what its service account asked the
API server for while a suite ran.

Usage: rights.py CHART UNUSED LOG...     helm is on the PATH; exit status 1 when something is not so

CHART     rendered as `helm template rempart CHART --namespace rempart-system`, as the suite installs it
UNUSED    tests/cluster/unused_rights.yaml: the rights that no request of the suite needs, each with the reason why it is there
LOG       audit logs of API servers (hack/cluster with CLUSTER_AUDIT), level Metadata

What is not so: a right that was never used and is not listed; one that is listed and was used (but where the entry says
`sometimes: true`: by what happens now and then), or does not exist; one that
is given twice; one for the whole cluster, all uses of which were in the release's own namespace; one for any name that was
used for one name alone, to watch it or in many namespaces; a wildcard or an aggregated role, whose rights nobody can
count; a request that was denied for want of a right.

A request to patch or update that creates its object (answer 201) needs the right to create as well: the API server asks for
it in the middle, and its log does not say so.
"""
import collections
import json
import re
import subprocess
import sys

import yaml

NAMESPACE = "rempart-system"
NAMELESS = {"create", "list", "deletecollection"}  # no name is asked about with these (a watch may have one)

MANY = 3  # namespaces that have one name in common: it is no accident

# namespace: "" for the whole cluster. resource: with its subresource, "pods/eviction". name: "" for any.
Right = collections.namedtuple("Right", "namespace group resource verb name")
# namespace: "" for objects of the cluster, and for lists over all namespaces
Use = collections.namedtuple("Use", "namespace group resource verb name")


def text_of(right):
    where = f" in namespace {right.namespace}" if right.namespace else ""
    return f"{right.verb} {resource_of(right)}{f' {right.name}' if right.name else ''}{where}"


def resource_of(right):
    resource, _, subresource = right.resource.partition("/")
    return (f"{resource}.{right.group}" if right.group else resource) + (f"/{subresource}" if subresource else "")


def covers(right, use):
    return (
        (right.group, right.resource, right.verb) == (use.group, use.resource, use.verb)
        and right.namespace in ("", use.namespace)
        and right.name in ("", use.name)
    )


# --- what the chart gives


def rendered(chart):
    command = ["helm", "template", "rempart", chart, "--namespace", NAMESPACE]
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    return [one for one in yaml.safe_load_all(text) if one]


def rights_of(objects):
    """(the operator's user name, its rights by all bindings as a list, what is wrong with the roles)"""
    accounts = [one["metadata"] for one in objects if one["kind"] == "ServiceAccount"]
    if len(accounts) != 1:
        raise SystemExit(f"the chart has {len(accounts)} service accounts, not one")
    account = {"kind": "ServiceAccount", "name": accounts[0]["name"], "namespace": accounts[0]["namespace"]}
    roles = {(one["kind"], one["metadata"]["name"]): one for one in objects if one["kind"] in ("Role", "ClusterRole")}
    rights, problems = [], []
    for binding in objects:
        if binding["kind"] not in ("RoleBinding", "ClusterRoleBinding") or account not in binding.get("subjects", []):
            continue
        reference = (binding["roleRef"]["kind"], binding["roleRef"]["name"])
        if reference not in roles:
            problems.append(f"{binding['kind']} {binding['metadata']['name']} binds {' '.join(reference)}, which is not of the chart")
            continue
        role = roles[reference]
        if "aggregationRule" in role:
            problems.append(f"{' '.join(reference)} is aggregated: its rights are written down nowhere")
        namespace = binding["metadata"]["namespace"] if binding["kind"] == "RoleBinding" else ""
        for rule in role.get("rules") or []:
            rights += rights_of_rule(rule, namespace, problems)
    return f"system:serviceaccount:{account['namespace']}:{account['name']}", rights, problems


def rights_of_rule(rule, namespace, problems):
    if rule.get("nonResourceURLs"):
        problems.append(f"paths that are no resources: {rule['nonResourceURLs']}; each authenticated user has those of discovery")
        return
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                for name in rule.get("resourceNames") or [""]:
                    right = Right(namespace, group, resource, verb, name)
                    if "*" in (group, verb) or "*" in resource:
                        problems.append(f"{text_of(right)}: a wildcard: name what is needed")
                    yield right


# --- what was asked for


class Requests:
    """Those of one account in audit logs, but for what the suite's own client asked with its token."""

    SUITE = "rempart-tests"  # tests/support/cluster.cc

    def __init__(self, user):
        self.user = user
        self.allowed = collections.Counter()  # by (use, why it was)
        self.denied = collections.Counter()
        self.unreadable = 0

    def read(self, path):
        before = self.count()
        with open(path, "rb") as file:
            for line in file:
                self.add(line)
        return self.count() - before

    def count(self):
        return sum(self.allowed.values()) + sum(self.denied.values())

    def add(self, line):
        try:
            event = json.loads(line)
        except ValueError:  # the last line, when the server was killed
            self.unreadable += 1
            return
        reference = event.get("objectRef")
        if event.get("user", {}).get("username") != self.user or not reference:  # paths of no resource: discovery
            return
        if event.get("userAgent", "").startswith(self.SUITE):
            return
        annotations = event.get("annotations", {})
        for use in uses_of(event, reference):
            if annotations.get("authorization.k8s.io/decision") == "allow":
                self.allowed[use, annotations.get("authorization.k8s.io/reason", "")] += 1
            else:
                self.denied[use] += 1


def uses_of(event, reference):
    resource = "/".join(filter(None, (reference["resource"], reference.get("subresource"))))
    use = Use(reference.get("namespace", ""), reference.get("apiGroup", ""), resource, event["verb"], reference.get("name", ""))
    yield use
    if use.verb in ("patch", "update") and event.get("responseStatus", {}).get("code") == 201:
        yield use._replace(verb="create")


# --- one beside the other


def listed_rights(unused, rights):
    """({right: its entry}, what is wrong with the list)"""
    listed, problems = {}, []
    for entry in unused:
        if set(entry) - {"sometimes"} != {"group", "resources", "verbs", "reason"} or len(entry["reason"]) < 10:
            problems.append(f"unused_rights: {entry}: an entry has group, resources, verbs and a reason")
            continue
        for resource in entry["resources"]:
            for verb in entry["verbs"]:
                found = [one for one in rights if (one.group, one.resource, one.verb) == (entry["group"], resource, verb)]
                if not found:
                    problems.append(f"unused_rights: {verb} {resource} of group '{entry['group']}': there is no such right, take it off the list")
                for right in found:
                    if right in listed:
                        problems.append(f"unused_rights: {text_of(right)} is listed twice")
                    listed[right] = entry
    return listed, problems


def doubled(rights):
    for at, right in enumerate(rights):
        for other in rights[:at]:
            wide, narrow = (right, other) if covers(right, Use(*other)) else (other, right)
            if covers(wide, Use(*narrow)):
                yield f"{text_of(narrow)}: given twice"


def too_wide(right, uses, chosen):
    """What a right could be held to, by all uses of it. chosen: names that tenants gave, which mean nothing."""
    if not right.namespace and {use.namespace for use in uses} == {NAMESPACE}:
        yield f"{text_of(right)}: for the whole cluster, used in namespace {NAMESPACE} only: it belongs into the Role"
    names = {use.name for use in uses}
    meant = right.verb == "watch" or len(uses) >= MANY and not names & chosen
    named = right.verb not in NAMELESS or "/" in right.resource
    if not right.name and named and len(names) == 1 and names != {""} and meant:
        yield f"{text_of(right)}: for any name, used for {names.pop()} only: resourceNames can say so"


def compare(rights, requests, listed):
    used = collections.defaultdict(set)
    chosen = {use.name for use, _ in requests.allowed if use.resource == "tenantworkloads/status"}
    for use, why in requests.allowed:
        covering = [right for right in rights if covers(right, use)]
        for right in covering:
            used[right].add(use)
        if not covering and re.search(r'of (Cluster)?Role "rempart"', why):
            yield f"{text_of(use)} was allowed by the chart's role, but no right of it was found that says so: {why}"
    for right in rights:
        if right not in used and right not in listed:
            yield f"{text_of(right)}: never used: take it out of the chart, or say in tests/cluster/unused_rights.yaml why it is there"
        if right in used and right in listed and not listed[right].get("sometimes"):
            yield f"{text_of(right)}: used, but listed as unused: take it off the list"
        if right in used:
            yield from too_wide(right, used[right], chosen)
    for use, count in requests.denied.items():
        if not any(covers(right, use) for right in rights):  # else the server had not seen the role yet
            yield f"{text_of(use)}: asked for {count} times, and denied: the chart lacks a right, or the operator should not ask"


def main():
    chart, unused_path, *logs = sys.argv[1:]
    user, rights, problems = rights_of(rendered(chart))
    requests = Requests(user)
    problems += [f"{log}: no request of {user}" for log in logs if not requests.read(log)]
    if not logs or requests.unreadable > len(logs):
        problems.append(f"{len(logs)} logs, {requests.unreadable} lines of them unreadable")
    with open(unused_path, encoding="utf-8") as file:
        listed, list_problems = listed_rights(yaml.safe_load(file), rights)
    problems += [*list_problems, *doubled(rights), *compare(rights, requests, listed)]
    for problem in problems:
        print(problem)
    print(f"rights: {len(rights)}, of which {len(listed)} are there for a reason that no request of the suite shows; {requests.count()} entries of logs, {len(problems)} problems")
    return 1 if problems else 0


sys.exit(main())
