#!/usr/bin/env python3
"""Renders the charts that Kyverno's and Gatekeeper's Go modules carry into what hack/bench admission needs of them: their
objects as they ship (all but workloads and webhook configurations), and the arguments of the container that admits.

Usage: charts.py HELM KUBERNETES_VERSION KYVERNO_MODULE GATEKEEPER_MODULE OUT
Writes OUT/{kyverno,gatekeeper}.json, a v1 List each, and OUT/{kyverno,gatekeeper}.args.json.
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

import yaml

KEPT = {
    "CustomResourceDefinition", "ConfigMap", "ServiceAccount", "Secret", "Service", "ClusterRole", "ClusterRoleBinding",
    "Role", "RoleBinding",
}


def documents(text):
    return [d for d in yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if d]


def template(helm, chart, name, namespace, *more):
    command = [helm, "template", name, chart, "--namespace", namespace, *more]
    return documents(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def kyverno(helm, version, module, work):
    chart = os.path.join(work, "kyverno")
    shutil.copytree(os.path.join(module, "charts/kyverno"), chart)
    for folder, _, files in os.walk(chart):  # Go's module cache is read-only
        for path in [folder, *(os.path.join(folder, f) for f in files)]:
            os.chmod(path, 0o755)
    # Only the sub-charts that the module carries; the definitions that another one has are in its config/crds.
    file = os.path.join(chart, "Chart.yaml")
    with open(file, encoding="utf-8") as f:
        about = yaml.safe_load(f)
    about["dependencies"] = [d for d in about["dependencies"] if os.path.isdir(os.path.join(chart, "charts", d["name"]))]
    with open(file, "w", encoding="utf-8") as f:
        yaml.safe_dump(about, f)
    lock = os.path.join(chart, "Chart.lock")
    if os.path.exists(lock):
        os.remove(lock)
    objects = template(helm, chart, "kyverno", "kyverno", "--skip-tests", "--kube-version", version)
    for path in sorted(glob.glob(os.path.join(module, "config/crds/policies.kyverno.io/*.yaml"))):
        with open(path, encoding="utf-8") as f:
            objects += documents(f.read())
    return objects


def write(objects, namespace, deployment, out, name):
    kept, arguments = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}], None
    for o in objects:
        if o["kind"] == "Deployment" and o["metadata"]["name"] == deployment:
            arguments = o["spec"]["template"]["spec"]["containers"][0]["args"]
        if o["kind"] in KEPT and "helm.sh/hook" not in (o["metadata"].get("annotations") or {}):
            kept.append(o)
    if arguments is None:
        sys.exit(f"the chart of {name} has no Deployment {deployment}")
    with open(os.path.join(out, name + ".json"), "w", encoding="utf-8") as f:
        json.dump({"apiVersion": "v1", "kind": "List", "items": kept}, f, default=str)
    with open(os.path.join(out, name + ".args.json"), "w", encoding="utf-8") as f:
        json.dump(arguments, f, indent=1)


def main():
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    helm, version, kyverno_module, gatekeeper_module, out = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        write(kyverno(helm, version, kyverno_module, work), "kyverno", "kyverno-admission-controller", out, "kyverno")
    gatekeeper = template(helm, os.path.join(gatekeeper_module, "charts/gatekeeper"), "gatekeeper", "gatekeeper-system",
                          "--include-crds", "--kube-version", version)
    write(gatekeeper, "gatekeeper-system", "gatekeeper-controller-manager", out, "gatekeeper")


main()
