// RP-3xx: which images run.
#include <fmt/format.h>

#include "operator/perimeter/rules/table.h"

namespace rempart::rules {
namespace {

// Everywhere that a pod names an image.
const std::vector<Subject>& Images() {
  static const std::vector<Subject> all = {{{"spec", "containers", "*", "image"}},
                                           {{"spec", "initContainers", "*", "image"}},
                                           {{"spec", "ephemeralContainers", "*", "image"}},
                                           {{"spec", "volumes", "*", "image", "reference"}, true}};
  return all;
}

// What names a registry before the first slash (distribution/reference, splitDockerDomain): a dot, a port, localhost,
// or an upper-case letter. All else is a path on Docker Hub.
Bool NamesARegistry(const Text& image) {
  const Text first = Before(image, "/");
  return Contains(image, Literal("/")) && (Contains(first, Literal(".")) || Contains(first, Literal(":")) ||
                                           first == "localhost" || Lower(first) != first);
}

Text Registry(const Text& image) {
  const Text named = If(NamesARegistry(image), Before(image, "/"), Literal("docker.io"));
  return If(named == "index.docker.io", Literal("docker.io"), named);
}

// Without the registry; "library/" stands before the short names of Docker Hub.
Text Repository(const Text& image) {
  const Text path = If(NamesARegistry(image), After(image, "/"), image);
  return If(Registry(image) == "docker.io" && !Contains(path, Literal("/")), Literal("library/") + path, path);
}

// A repository that is one of `allowed`, or below it: "registry.example/team". The image's own is worked out once.
Bool IsBelowOneOf(const Text& image, const std::vector<std::string>& allowed) {
  return Any(ListOf({Registry(image) + Literal("/") + Repository(image)}), [&](const Item& repository) {
    const Text whole = repository.AsText();
    return Any(Literal(allowed), [&](const Item& one) {
      const Text path = one.AsText();
      return whole == path || StartsWith(whole, path + Literal("/")) || StartsWith(whole, path + Literal(":")) ||
             StartsWith(whole, path + Literal("@"));
    });
  });
}

// Whether all that begins with "<allowed>/" is of that registry, or below that repository, as it stands.
bool IsWrittenInFull(const std::string& allowed) {
  const std::string host = allowed.substr(0, allowed.find('/'));
  return host != "index.docker.io" && (host.find_first_of(".:") != std::string::npos || host == "localhost");
}

Rule ImageRule(std::string id, const Bool& holds, Sentence wrong, Sentence fix, std::string clauses) {
  const Text it = It().AsText();
  return {.id = std::move(id),
          .gate = Gate::kPods,
          .subjects = Images(),
          .holds = it == "" || holds,  // a volume that is no image; the API server refuses a container without one
          .shown = it,
          .wrong = std::move(wrong),
          .fix = std::move(fix),
          .clauses = std::move(clauses)};
}

}  // namespace

void AddImageRules(const api::SovereignRegion& region, Table& table) {
  if (!region.rules.images) return;
  const auto& images = *region.rules.images;
  const Text it = It().AsText();
  if (!images.registries.empty()) {
    std::vector<std::string> paths;
    // Where they are few, what most images are allowed by comes first: a comparison instead of a reading of the name.
    const bool are_few = images.registries.size() <= 8;
    const Map hosts = Params()["spec"]["registries"].AsMap();
    Bool allowed = Truth(false);
    for (const std::string& registry : images.registries) {
      if (registry.contains('/')) paths.push_back(registry);
      if (!are_few || !IsWrittenInFull(registry)) continue;
      allowed = allowed || StartsWith(it, Literal(registry + "/"));
    }
    allowed = allowed || In(Registry(it), hosts);
    if (!paths.empty()) allowed = allowed || IsBelowOneOf(it, paths);
    const std::string list = fmt::format("{}", fmt::join(images.registries, ", "));
    table.push_back(ImageRule(
        "RP-301", allowed,
        {"comes from a registry that the region does not allow", "vient d'un registre que la région n'admet pas"},
        {"use one of: " + list, "utilisez l'un de : " + list}, "SecNumCloud 3.2: 12.10.c"));
  }
  if (images.require_digest) {
    Rule digest =
        ImageRule("RP-302", Matches(it, "@sha256:[0-9a-f]{64}$"),
                  {"is not named by its digest, so that what it is may change",
                   "n'est pas désignée par son condensat : son contenu peut changer"},
                  {"write <image>@sha256:<digest>", "écrivez <image>@sha256:<condensat>"}, "SecNumCloud 3.2: 12.10.c");
    digest.implied_by = "RP-303";  // what is released is a digest
    table.push_back(std::move(digest));
  }
  if (images.require_release) {
    table.push_back(ImageRule(
        "RP-303", In(After(it, "@"), Params()["spec"]["released"].AsMap()),
        {"has not been released to the region", "n'a pas été admise dans la région"},
        {"have its digest released (spec.images.released)", "faites admettre son condensat (spec.images.released)"},
        "SecNumCloud 3.2: 12.10.c, 14.2.b"));
  }
}

}  // namespace rempart::rules
