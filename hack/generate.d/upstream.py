"""Kubernetes' own schemas, from OpenAPI v3 to the structural schemas that a CRD may hold.

A structural schema has no references, no alternatives and no defaults that the CRD does not mean; whatever this module
does not know is an error rather than dropped, so that a new release of Kubernetes cannot lose a check in silence.
"""

import copy
import re

META = "io.k8s.apimachinery.pkg.apis.meta.v1."
CORE = "io.k8s.api.core.v1."
LONGEST_DESCRIPTION = 160

STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
# What takes the place of a type that OpenAPI describes by alternatives, or that a CRD has a special word for.
REPLACED = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "x-kubernetes-int-or-string": True,
        # A sign, digits with or without a fraction, and a binary, decimal or exponent suffix.
        "pattern": r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$",
    },
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "x-kubernetes-int-or-string": True,
    },
    META + "Time": {"type": "string", "format": "date-time"},
    # The metadata of a template: the rest is the API server's to fill in.
    META + "ObjectMeta": {
        "type": "object",
        "properties": {
            "annotations": STRINGS | {"description": "Annotations that objects made of this template get."},
            "labels": STRINGS | {"description": "Labels that objects made of this template get."},
        },
    },
}
# Fields that an object has, but a template of it may not.
NOT_IN_TEMPLATES = {
    CORE + "PodSpec": {"ephemeralContainers"},  # refused by the API server in every template
    CORE + "PersistentVolumeClaim": {"status"},
}
KEPT = {"additionalProperties", "enum", "format", "items", "maximum", "minimum", "nullable", "pattern", "properties",
        "required", "type", "x-kubernetes-list-map-keys", "x-kubernetes-list-type", "x-kubernetes-map-type"}
# Defaults are the API server's to set, on the child. Merge keys are for strategic merge patches, which CRDs do not know.
DROPPED = {"default", "x-kubernetes-group-version-kind", "x-kubernetes-patch-merge-key",
           "x-kubernetes-patch-strategy", "x-kubernetes-unions"}


class UpstreamError(Exception):
    pass


class Schemas:
    def __init__(self, documents):
        self._schemas = {}
        for document in documents:
            self._schemas |= document["components"]["schemas"]

    def structural(self, name):
        """The schema of that name, as one that a CRD may hold."""
        return self._type(name, ())

    def _type(self, name, inside):
        if name in REPLACED:
            return copy.deepcopy(REPLACED[name])
        if name not in self._schemas:
            raise UpstreamError(f"OpenAPI has no schema {name}")
        if name in inside:
            raise UpstreamError(f"{name} contains itself, which a CRD cannot say")
        schema = self._schemas[name]
        gone = NOT_IN_TEMPLATES.get(name, set())
        if gone:
            schema = schema | {"properties": {k: v for k, v in schema["properties"].items() if k not in gone}}
        result = self._node(schema, (*inside, name))
        if name == CORE + "PersistentVolumeClaim":
            name_its_metadata(result)
        return result

    def _node(self, schema, inside):
        schema = dict(schema)
        result = {}
        references = schema.pop("allOf", [])
        if "$ref" in schema:
            references = [*references, {"$ref": schema.pop("$ref")}]
        if references:
            if len(references) != 1 or set(references[0]) != {"$ref"}:
                raise UpstreamError(f"in {inside[-1]}: an allOf that is not one reference")
            result = self._type(references[0]["$ref"].rpartition("/")[2], inside)
        if "description" in schema:
            result["description"] = shortened(schema.pop("description"))
        for key, value in schema.items():
            if key == "properties":
                result[key] = {name: self._node(field, inside) for name, field in value.items()}
            elif key in ("items", "additionalProperties") and isinstance(value, dict):
                result[key] = self._node(value, inside)
            elif key in KEPT:
                result[key] = copy.deepcopy(value)
            elif key not in DROPPED:
                raise UpstreamError(f"in {inside[-1]}: unknown keyword {key}")
        self._default_keys(schema, result, inside)
        return result

    def _default_keys(self, schema, result, inside):
        """Gives the fields by which a list's entries are told apart their default where they may be left out."""
        items = result.get("items", {})
        for key in result.get("x-kubernetes-list-map-keys", []):
            if key in items.get("required", []):
                continue
            default = self._default_of(schema["items"], key)
            if default is None:
                raise UpstreamError(f"in {inside[-1]}: the list key {key} is neither required nor has it a default")
            items["properties"][key]["default"] = default

    def _default_of(self, schema, field):
        for reference in [*schema.get("allOf", []), schema]:
            if "$ref" in reference:
                schema = self._schemas[reference["$ref"].rpartition("/")[2]]
        return schema["properties"][field].get("default")


def name_its_metadata(claim):
    """A StatefulSet's claims are told apart by their names."""
    metadata = claim["properties"]["metadata"]
    metadata["properties"]["name"] = {"type": "string", "minLength": 1, "description": "The claim's name."}
    metadata["required"] = ["name"]
    claim["required"] = ["metadata", "spec"]


def shortened(text):
    """The first sentence, in at most LONGEST_DESCRIPTION characters."""
    text = re.split(r"\n\s*\n|\s*More info:|\s*Possible enum values:", text.strip(), maxsplit=1)[0]
    text = " ".join(text.split())
    for end in re.finditer(r"[.!?](?=\s+[A-Z\"'`])", text):
        if not re.search(r"(\be\.g|\bi\.e|\bvs)\.$", text[:end.end()]):
            text = text[:end.end()]
            break
    if len(text) > LONGEST_DESCRIPTION:
        text = text[:LONGEST_DESCRIPTION].rpartition(" ")[0].rstrip(",;:(") + " …"
    return text
