#include "operator/cli/check.h"

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>
#include <tuple>
#include <utility>

#include "operator/cli/judged_objects.h"
#include "src/kube/manifests.h"

namespace rempart::cli {
namespace {

constexpr unsigned kMaxThreads = 8;
constexpr std::size_t kPartsAtOnce = 16;  // that a thread takes

struct Part {
  std::size_t file = 0;
  kube::DocumentText text;
};

// Of one part; files, documents and objects are counted within it.
struct PartReport {
  int documents = 0;
  std::vector<CheckedObject> objects;
  std::vector<Finding> findings;
  std::vector<CheckProblem> problems;
};

// Errors of reading name the path, as findings' locations do.
std::string WithoutPath(std::string message, const std::string& path) {
  for (const std::string& beginning : {"read " + path + ": ", "list " + path + ": ", path + ": "})
    if (message.starts_with(beginning)) return message.substr(beginning.size());
  return message;
}

std::string TextOf(const Json& metadata, const char* key) {
  const auto at = metadata.find(key);
  return at != metadata.end() && at->is_string() ? at->get<std::string>() : std::string();
}

CheckedObject Describe(kube::Manifest& manifest, const std::string& default_namespace) {
  CheckedObject described;
  Json& object = manifest.object;
  described.document = manifest.document;
  described.line = manifest.LineOf("");
  described.api_version = object["apiVersion"].get<std::string>();
  described.kind = object["kind"].get<std::string>();
  Json& metadata = object["metadata"];
  if (metadata.is_null()) metadata = Json::object();
  described.name = TextOf(metadata, "name");
  if (described.name.empty()) {
    const std::string generate = TextOf(metadata, "generateName");
    described.name = generate.empty() ? "(unnamed)" : generate + "*";
  }
  const auto ns = metadata.find("namespace");
  if (ns == metadata.end() || ns->is_null() || (ns->is_string() && ns->get_ref<const std::string&>().empty())) {
    metadata.erase("namespace");
    if (!default_namespace.empty() && !IsClusterScoped(object)) metadata["namespace"] = default_namespace;
  }
  described.ns = TextOf(metadata, "namespace");
  return described;
}

void JudgeManifest(kube::Manifest manifest, const CheckInput& input, PartReport& report) {
  CheckedObject object = Describe(manifest, input.default_namespace);
  const auto complain = [&](const std::string& field, const char* what) {
    report.problems.push_back(
        {CheckProblem::kNoFile, manifest.LineOf(field), manifest.document, object.Label() + ": " + field + what});
  };
  // Which rules are for it would be a guess.
  if (const auto& metadata = manifest.object["metadata"];
      metadata.contains("namespace") && !metadata["namespace"].is_string()) {
    return complain("metadata.namespace", " is no text");
  }
  const Judge* judge = input.judge_of ? input.judge_of(object.ns) : nullptr;
  object.judged = judge != nullptr;
  const std::size_t index = report.objects.size();
  report.objects.push_back(object);
  if (judge == nullptr) return;
  bool has_rule = false;
  const auto unreadable = ForEachJudged(std::move(manifest.object), [&](const std::string& prefix, const Json& judged) {
    auto violations = (*judge)(judged);
    if (!violations) return;
    has_rule = true;
    for (Violation& violation : *violations) {
      std::string field = FieldInManifest(prefix, violation.field);
      const int line = manifest.LineOf(field);
      report.findings.push_back(
          {index, line, std::move(violation.rule), std::move(field), std::move(violation.message)});
    }
  });
  for (const std::string& field : unreadable) complain(field, " is no object");
  report.objects[index].has_rule = has_rule || !unreadable.empty();
}

// Which region a namespace will be in, its labels say. Only texts that have the word are read for it, a second time
// then.
void ExpectNamespaces(const std::vector<Part>& parts, const CheckInput& input) {
  if (!input.expect_namespace) return;
  for (const Part& part : parts) {
    if (part.text.text.find("Namespace") == part.text.text.npos) continue;
    for (const kube::Manifest& manifest : kube::ReadDocument(part.text).objects) {
      const Json& object = manifest.object;
      if (object.at("apiVersion") != "v1" || object.at("kind") != "Namespace") continue;
      const auto metadata = object.find("metadata");
      if (metadata == object.end() || !metadata->is_object()) continue;
      if (const std::string name = TextOf(*metadata, "name"); !name.empty())
        input.expect_namespace(name, LabelsOf(object));
    }
  }
}

PartReport JudgePart(const kube::DocumentText& text, const CheckInput& input) {
  PartReport report;
  kube::Manifests manifests = kube::ReadDocument(text);
  report.documents = manifests.documents;
  for (kube::Manifest& manifest : manifests.objects) JudgeManifest(std::move(manifest), input, report);
  for (kube::ManifestProblem& problem : manifests.problems) {
    report.problems.push_back({CheckProblem::kNoFile, problem.line, problem.document, std::move(problem.message)});
  }
  return report;
}

std::vector<PartReport> JudgeParts(const std::vector<Part>& parts, const CheckInput& input) {
  std::vector<PartReport> reports(parts.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (;;) {
      const std::size_t begin = next.fetch_add(kPartsAtOnce);
      if (begin >= parts.size()) return;
      const std::size_t end = std::min(begin + kPartsAtOnce, parts.size());
      for (std::size_t i = begin; i < end; ++i) reports[i] = JudgePart(parts[i].text, input);
    }
  };
  const std::size_t processors = std::clamp(std::thread::hardware_concurrency(), 1U, kMaxThreads);
  const std::size_t wanted = std::min(parts.size() / kPartsAtOnce, processors - 1);  // beside this thread
  {
    std::vector<std::jthread> helpers;  // joined at the end of this block
    helpers.reserve(wanted);
    for (std::size_t i = 0; i < wanted; ++i) helpers.emplace_back(work);
    work();
  }
  return reports;
}

void Add(PartReport part, std::size_t file, int documents_before, CheckReport& report) {
  const std::size_t objects_before = report.objects.size();
  for (CheckedObject& object : part.objects) {
    object.file = file;
    object.document += documents_before;
    report.objects.push_back(std::move(object));
  }
  for (Finding& finding : part.findings) {
    finding.object += objects_before;
    report.findings.push_back(std::move(finding));
  }
  for (CheckProblem& problem : part.problems) {
    problem.file = file;
    problem.document += documents_before;
    report.problems.push_back(std::move(problem));
  }
}

void Sort(CheckReport& report) {
  const auto& objects = report.objects;
  const auto place = [&](const Finding& f) {
    return std::tie(objects[f.object].file, f.line, f.object, f.rule, f.field, f.message);
  };
  std::ranges::stable_sort(report.findings, [&](const Finding& a, const Finding& b) { return place(a) < place(b); });
  std::ranges::stable_sort(report.problems, [](const CheckProblem& a, const CheckProblem& b) {
    return std::tie(a.file, a.line) < std::tie(b.file, b.line);
  });
}

}  // namespace

std::string CheckedObject::Label() const { return kind + " " + (ns.empty() ? name : ns + "/" + name); }

CheckReport RunCheck(const CheckInput& input) {
  CheckReport report;
  auto files = kube::ReadManifestFiles(input.paths, input.read_stdin, input.limits);
  std::vector<Part> parts;
  for (std::size_t i = 0; i < files.size(); ++i) {
    report.files.push_back(files[i].name);
    if (!files[i].content) {
      report.problems.push_back({i, 0, 0, WithoutPath(files[i].content.error().message, files[i].name)});
      continue;
    }
    kube::NormalizeText(*files[i].content);
    for (const kube::DocumentText& text : kube::SplitDocuments(*files[i].content)) parts.push_back({i, text});
  }

  ExpectNamespaces(parts, input);
  std::vector<PartReport> judged = JudgeParts(parts, input);
  int documents_of_file = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i == 0 || parts[i].file != parts[i - 1].file) documents_of_file = 0;
    const int documents = judged[i].documents;
    Add(std::move(judged[i]), parts[i].file, documents_of_file, report);
    documents_of_file += documents;
    report.documents += documents;
  }
  if (report.objects.empty() && report.problems.empty()) {
    report.problems.push_back({CheckProblem::kNoFile, 0, 0, "there is nothing to judge: no object in what was given"});
  }
  Sort(report);
  return report;
}

int ExitCode(const CheckReport& report) {
  if (!report.problems.empty()) return 2;
  return report.findings.empty() ? 0 : 1;
}

}  // namespace rempart::cli
