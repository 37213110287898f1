// `kubectl rempart check`: judges manifests before they reach a cluster. The rules come from outside, as a Judge.
#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "src/base/json.h"
#include "src/base/result.h"
#include "src/kube/label_selector.h"
#include "src/kube/manifest_files.h"

namespace rempart::cli {

struct Violation {
  std::string rule;     // "RP-101"
  std::string field;    // "spec.containers[0].image", relative to the judged object; "" is the object
  std::string message;  // what was found, what to do
};

// All that speaks against an object as the API server would get it: with apiVersion and kind, and with
// metadata.namespace where it has one; nothing where no rule is about such an object, so that none could speak against
// it. Called from several threads at once.
using Judge = std::function<std::optional<std::vector<Violation>>(const Json& object)>;

struct CheckInput {
  std::vector<std::string> paths;  // see kube::ReadManifestFiles
  std::function<Result<std::string>()> read_stdin;
  std::string default_namespace = "default";  // of objects that name none
  // Who judges the objects of a namespace ("": of none); null where no rule is for them: it is in no region, or exempt.
  // The judge lives until RunCheck returns. Called from several threads at once.
  std::function<const Judge*(const std::string& ns)> judge_of;
  // Told of each Namespace among the manifests, with its labels, before anything is judged; may be null.
  std::function<void(const std::string& ns, kube::Labels labels)> expect_namespace;
  kube::FileLimits limits;
};

// A manifest's object.
struct CheckedObject {
  std::size_t file = 0;  // of CheckReport::files
  int document = 0;      // in its file, from 1
  int line = 0;          // where it begins
  std::string api_version, kind, ns, name;
  bool judged = true;    // false: its namespace is in no region, or exempt
  bool has_rule = true;  // false: it was judged, and no rule is about it or what is made from it

  std::string Label() const;  // "Deployment acme/web"
};

struct Finding {
  std::size_t object = 0;  // of CheckReport::objects
  int line = 0;            // of the field, or of its nearest parent that is there
  std::string rule;
  std::string field;  // in the manifest's own terms: "spec.template.spec.containers[0].image"
  std::string message;
};

// Input that could not be judged.
struct CheckProblem {
  static constexpr std::size_t kNoFile = static_cast<std::size_t>(-1);
  std::size_t file = kNoFile;
  int line = 0;      // 0: unknown
  int document = 0;  // 0: the file as a whole
  std::string message;
};

struct CheckReport {
  std::vector<std::string> files;  // in the order of reading; "-" is standard input
  int documents = 0;
  std::vector<CheckedObject> objects;
  std::vector<Finding> findings;       // by file, line, object, rule, field
  std::vector<CheckProblem> problems;  // by file and line
};

// Reads and judges everything; what is wrong with one document does not keep another from being judged. Where nothing
// at all was found, that is a problem too: a pipeline that checks nothing must not be green. Uses as many threads as
// there are processors, 8 at most. The report is the same for the same input.
CheckReport RunCheck(const CheckInput& input);

// 0: all was judged, and is clean. 1: violations. 2: some input could not be judged, whatever else was found, since
// neither 0 nor 1 would be the truth about it.
int ExitCode(const CheckReport& report);

}  // namespace rempart::cli
