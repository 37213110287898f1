// Manifests as kubectl takes them: a text of one or many documents, YAML or JSON -> Kubernetes objects that know their
// lines. Pure; every function here may be called from any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/json.h"
#include "src/kube/field_lines.h"

namespace rempart::kube {

struct ManifestLimits {
  std::size_t max_nodes = 2'000'000;  // values and keys of one document, aliases expanded
  std::size_t max_depth = 100;        // as the API server has it, more or less
};

// Part of a file. YAML's documents are told apart by their markers alone, so that one that cannot be read does not take
// the others with it.
struct DocumentText {
  std::string_view text;
  int first_line = 1;  // of the text, in its file
};

// One object, as the API server would be sent it. It has apiVersion and kind (texts, not empty), and a metadata that,
// where it is there, is an object.
struct Manifest {
  Json object;
  int document = 1;  // counted from 1 in the DocumentText; above 1 where JSON values follow one another
  std::shared_ptr<const FieldLines> lines;
  FieldLines::Place place = FieldLines::kRoot;  // of the object in its document: not the root in a List

  // Line in the file, from 1, of a field of the object or of its nearest parent that is there; "" is the object.
  int LineOf(std::string_view path) const { return lines->LineOf(place, path); }
};

struct ManifestProblem {
  int line = 0;  // 0: unknown
  int document = 1;
  std::string message;  // what is wrong and what to do; never with the content, which may be a Secret
};

struct Manifests {
  std::vector<Manifest> objects;
  std::vector<ManifestProblem> problems;
  int documents = 0;  // that are not empty
};

// Takes what editors leave (a byte order mark, CRLF) out of a file's content, where it is there. Numbers of lines stay.
void NormalizeText(std::string& content);

// Splits at the lines that begin with --- or ... and leaves out what has only comments and white space. The views are
// into `content`.
std::vector<DocumentText> SplitDocuments(std::string_view content);

// The objects of one part: YAML as kubectl reads it (KubernetesScalar), or JSON values one after the other where it
// begins with {. Lists are taken apart, also within one another; a list's items that name no kind are of the list's,
// as the API server writes them. null is no object and no problem, but for an item. Whatever cannot be read is a
// problem, and what comes before and after it (JSON: before it) is still read.
Manifests ReadDocument(const DocumentText& document, const ManifestLimits& limits = {});

}  // namespace rempart::kube
