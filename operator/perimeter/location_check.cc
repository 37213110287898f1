#include "operator/perimeter/location_check.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "src/base/text.h"

namespace rempart::perimeter {
namespace {

using api::Location;
using api::Node;
using api::Say;

constexpr std::size_t kMaxPattern = 2048;  // bytes: the schema's 512 characters
constexpr std::size_t kMaxReason = 96;     // bytes of RE2's own words inside a message
constexpr std::size_t kMaxPatternsKept =
    512;  // a thread; far above what regions declare, so that it is never reached in earnest

struct Pattern {
  explicit Pattern(const std::string& text) : re(text, Options()) {}
  static re2::RE2::Options Options() {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(1 << 20);
    return options;
  }
  re2::RE2 re;
};

// Compiled once a thread and kept, so that thousands of nodes cost a hash look-up each. A thread's own, so that no lock
// is needed.
std::shared_ptr<const Pattern> Compiled(const std::string& text) {
  thread_local std::unordered_map<std::string, std::shared_ptr<const Pattern>> kept;
  if (const auto it = kept.find(text); it != kept.end()) return it->second;
  if (kept.size() >= kMaxPatternsKept) kept.clear();
  return kept.emplace(text, std::make_shared<const Pattern>(text)).first->second;
}

std::string PatternField(const LocationList& list, std::size_t location) {
  return fmt::format("{}locations[{}].providerIDPattern", list.profile.empty() ? "spec.hosting." : "spec.", location);
}

// "HostingProfile outscale"; "" for a region's own list.
std::string ProfileNamed(const LocationList& list) {
  return list.profile.empty() ? "" : fmt::format("HostingProfile {}", CleanText(list.profile, kMaxReason));
}

// The same with a word before or after it, or nothing at all.
std::string By(const LocationList& list) {
  return list.profile.empty() ? "" : Say(list.language, " by {}", " selon {}", ProfileNamed(list));
}
std::string Of(const LocationList& list) {
  return list.profile.empty() ? "" : Say(list.language, " of {}", " de {}", ProfileNamed(list));
}

// Equal but for case and outer blanks: only to name a near miss in a message, never to decide.
bool NearlyEqual(std::string_view a, std::string_view b) {
  const auto trimmed = [](std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
  };
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(trimmed(a), trimmed(b), {}, lower, lower);
}

std::string Place(std::string_view region, std::string_view zone, api::Language language) {
  return Say(language, "zone {} of region {}", "la zone {} de la région {}", Quoted(zone), Quoted(region));
}
std::string PlaceOf(const Node& node, api::Language language) {
  return Place(node.topology_region, node.topology_zone, language);
}

Verdict UnknownLocation(const Node& node, const LocationList& list) {
  const bool own = list.profile.empty();
  const std::string place = PlaceOf(node, list.language);
  std::string message =
      own ? Say(list.language, "{} is not declared in spec.hosting.locations",
                "{} n'est pas déclarée dans spec.hosting.locations", place)
          : Say(list.language, "{} is unknown to {}", "{} est inconnue de {}", place, ProfileNamed(list));
  for (const Location& location : list.locations) {
    if (!NearlyEqual(location.region, node.topology_region)) continue;
    for (const std::string& zone : location.zones) {
      if (NearlyEqual(zone, node.topology_zone)) {
        const std::string near = Place(location.region, zone, list.language);
        message += own ? Say(list.language, "; {} is, but values must be equal in case and blanks too",
                             " ; {} l'est, mais casse et espaces comptent aussi", near)
                       : Say(list.language, "; {} is known, but values must be equal in case and blanks too",
                             " ; {} est connue, mais casse et espaces comptent aussi", near);
        return Out(Outside::kUnknownLocation, message);
      }
    }
  }
  return Out(Outside::kUnknownLocation, message);
}

bool Declares(const Location& location, const Node& node) {
  return location.region == node.topology_region &&
         std::ranges::find(location.zones, node.topology_zone) != location.zones.end();
}

bool ProviderAgrees(const Location& location, const Node& node) {
  if (location.provider_id_pattern.empty()) return true;
  return !node.provider_id.empty() &&
         re2::RE2::PartialMatch(node.provider_id, Compiled(location.provider_id_pattern)->re);
}

// The locations that have the node's region and zone.
struct Matches {
  const Location* agreeing = nullptr;  // of the right country, provider id included
  const Location* other_country = nullptr;
  bool other_agrees = false;  // the same of another country: then two sources disagree
  std::optional<std::size_t> provider_fails;
};

Matches MatchesOf(const Node& node, std::string_view country, const LocationList& list) {
  Matches found;
  for (std::size_t i = 0; i < list.locations.size(); ++i) {
    const Location& location = list.locations[i];
    if (!Declares(location, node)) continue;
    const bool agrees = ProviderAgrees(location, node);
    if (location.country != country) {
      if (found.other_country == nullptr || (agrees && !found.other_agrees)) found.other_country = &location;
      found.other_agrees = found.other_agrees || agrees;
    } else if (agrees) {
      if (found.agreeing == nullptr || (location.confirmed && !found.agreeing->confirmed)) found.agreeing = &location;
    } else if (!found.provider_fails) {
      found.provider_fails = i;
    }
  }
  return found;
}

Verdict ProviderFails(const Node& node, const LocationList& list, std::size_t location) {
  const std::string wanted =
      PatternField(list, location) + Of(list) + " (" + Quoted(list.locations[location].provider_id_pattern) + ")";
  if (node.provider_id.empty())
    return Out(Outside::kProviderMissing, Say(list.language, "spec.providerID is not set, {} asks for it",
                                              "spec.providerID manque, {} le demande", wanted));
  return Out(Outside::kProviderMismatch,
             Say(list.language, "spec.providerID {} does not match {}", "spec.providerID {} ne correspond pas à {}",
                 Quoted(node.provider_id), wanted));
}

}  // namespace

std::string PatternProblem(const LocationList& list) {
  for (std::size_t i = 0; i < list.locations.size(); ++i) {
    const std::string& pattern = list.locations[i].provider_id_pattern;
    if (pattern.empty()) continue;
    if (pattern.size() > kMaxPattern) {
      return fmt::format("{}: has {} bytes, at most {} are allowed: shorten it", PatternField(list, i), pattern.size(),
                         kMaxPattern);
    }
    const auto compiled = Compiled(pattern);
    if (!compiled->re.ok()) {
      return fmt::format("{}: {} is no regular expression ({}): correct it (RE2 syntax)", PatternField(list, i),
                         Quoted(pattern), CleanText(compiled->re.error(), kMaxReason));
    }
  }
  return {};
}

Verdict CheckLabels(const Node& node, api::Language language) {
  for (const auto& [label, value] :
       {std::pair{api::kTopologyRegion, &node.topology_region}, {api::kTopologyZone, &node.topology_zone}}) {
    if (value->empty()) {
      return Out(Outside::kNoLocation,
                 Say(language, "label {} is not set: let the cloud controller or an admin set it",
                     "l'étiquette {} manque : au contrôleur du fournisseur ou à un administrateur de la poser", label));
    }
  }
  const auto disagree = [language](std::string_view label, std::string_view value, std::string_view old_label,
                                   std::string_view old_value) -> std::optional<Verdict> {
    if (old_value.empty() || old_value == value) return std::nullopt;
    return Out(Outside::kLabelsDisagree,
               Say(language, "label {} is {} but {} is {}: make them equal, or remove the latter",
                   "l'étiquette {} vaut {} mais {} vaut {} : rendez-les égales, ou retirez la seconde", label,
                   Quoted(value), old_label, Quoted(old_value)));
  };
  if (auto v = disagree(api::kTopologyRegion, node.topology_region, api::kLegacyTopologyRegion, node.legacy_region))
    return *std::move(v);
  if (auto v = disagree(api::kTopologyZone, node.topology_zone, api::kLegacyTopologyZone, node.legacy_zone))
    return *std::move(v);
  return {};
}

Located Locate(const Node& node, std::string_view country, const LocationList& list) {
  const Matches found = MatchesOf(node, country, list);
  if (found.agreeing != nullptr && !found.other_agrees) return {{}, found.agreeing};
  if (found.agreeing != nullptr) {
    return {
        Out(Outside::kOtherCountry,
            Say(list.language,
                "{} is declared in {} and in {}{}: give these locations provider id patterns that exclude each other",
                "{} est déclarée en {} et en {}{} : donnez à ces lieux des motifs d'identifiant de fournisseur qui "
                "s'excluent",
                PlaceOf(node, list.language), country, found.other_country->country, By(list)))};
  }
  if (found.provider_fails && !found.other_agrees) return {ProviderFails(node, list, *found.provider_fails)};
  if (found.other_country != nullptr) {
    return {Out(
        Outside::kOtherCountry,
        Say(list.language, "{} is in country {}{}, spec.country is {}", "{} est dans le pays {}{}, spec.country est {}",
            PlaceOf(node, list.language), Quoted(found.other_country->country), By(list), country))};
  }
  return {UnknownLocation(node, list)};
}

}  // namespace rempart::perimeter
