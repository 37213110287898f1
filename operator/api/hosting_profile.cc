#include "operator/api/hosting_profile.h"

#include <algorithm>
#include <utility>

#include "operator/api/observed.h"
#include "operator/api/spec_reader.h"

namespace rempart::api {

namespace {

using Need = SpecReader::Need;
using State = HostingProfile::State;

constexpr std::size_t kMaxRefused = 50;
constexpr std::size_t kMaxRequiredLabels = 8;
constexpr std::size_t kMaxLabelValues = 20;

template <std::size_t most>
bool HasCharacters(std::string_view text) {
  return !text.empty() && CountCharacters(text) <= most;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetterOrDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// As the schema's pattern has it: a 30th of February is nobody's harm.
bool IsSince(std::string_view text) {
  if (text.size() != 4 && text.size() != 7 && text.size() != 10) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i == 4 || i == 7 ? text[i] != '-' : !IsDigit(text[i])) return false;
  }
  const auto in = [](std::string_view digits, std::string_view most) { return digits >= "01" && digits <= most; };
  return (text.size() < 7 || in(text.substr(5, 2), "12")) && (text.size() < 10 || in(text.substr(8, 2), "31"));
}

bool IsNameOfLabel(std::string_view text) {
  return !text.empty() && text.size() <= 63 && IsLetterOrDigit(text.front()) && IsLetterOrDigit(text.back()) &&
         std::ranges::all_of(text, [](char c) { return IsLetterOrDigit(c) || c == '-' || c == '_' || c == '.'; });
}

// "a.b-c": what comes before a label's '/'.
bool IsDomain(std::string_view text) {
  const auto fits = [](char c) { return IsDigit(c) || (c >= 'a' && c <= 'z'); };
  if (text.empty() || text.size() > 253 || !fits(text.front()) || !fits(text.back())) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.' ? !fits(text[i - 1]) || !fits(text[i + 1]) : !fits(text[i]) && text[i] != '-') return false;
  }
  return true;
}

bool IsRequirable(std::string_view key) {
  const std::size_t slash = key.find('/');
  return IsLocationLabel(key) && IsDomain(key.substr(0, slash)) && IsNameOfLabel(key.substr(slash + 1));
}

const TextRule kNameRule{HasCharacters<128>, "a name of 1 to 128 characters"};
const TextRule kProseRule{HasCharacters<512>, "a text of 1 to 512 characters"};
const TextRule kSinceRule{IsSince, "a year, month or day, like 2022, 2022-11 or 2022-11-30"};
const TextRule kLocationLabelRule{
    IsRequirable,
    "the key of a label that tells where a node is: topology.<domain>/<name> or "
    "<prefix>.node-restriction.kubernetes.io/<name>, neither Rempart's own nor topology.kubernetes.io/region or zone"};

Location ReadProfileLocation(const Field& at, SpecReader& reader) {
  Location location = ReadLocation(at, reader);
  if (!at.value.IsObject()) return location;
  location.confirmed = reader.Bool(at["confirmed"], true);
  location.source = reader.Text(at["source"], kProseRule, Need::kOptional);
  location.note = reader.Text(at["note"], kProseRule, Need::kOptional);
  return location;
}

void ReadRefused(const Field& at, SpecReader& reader, std::vector<HostingProfile::Refused>& refused) {
  if (!reader.Object(at, Need::kRequired)) return;
  std::string region = reader.Text(at["region"], kLabelValueRule, Need::kRequired);
  std::string why = reader.Text(at["why"], kProseRule, Need::kRequired);
  if (std::ranges::find(refused, region, &HostingProfile::Refused::region) != refused.end())
    reader.Refuse(at["region"], SpecReader::Shown(at["region"].value) + " is there twice: name it once");
  refused.push_back({std::move(region), std::move(why)});
}

void ReadRequiredLabel(const Field& at, SpecReader& reader, std::vector<HostingProfile::RequiredLabel>& labels) {
  if (!reader.Object(at, Need::kRequired)) return;
  std::string key = reader.Text(at["key"], kLocationLabelRule, Need::kRequired);
  std::vector<std::string> values;
  if (const Field given = at["values"]; given.value.exists())
    values = reader.Texts(given, 1, kMaxLabelValues, kLabelValueRule);
  if (std::ranges::find(labels, key, &HostingProfile::RequiredLabel::key) != labels.end())
    reader.Refuse(at["key"], SpecReader::Shown(at["key"].value) + " is there twice: name it once");
  labels.push_back({std::move(key), std::move(values)});
}

void ReadSpec(const Field& spec, SpecReader& reader, HostingProfile& profile) {
  if (!reader.Object(spec, Need::kRequired)) return;
  profile.system = reader.Text(spec["system"], kNameRule, Need::kRequired);
  profile.provider = reader.Text(spec["provider"], kNameRule, Need::kRequired);
  profile.state = reader.OneOf<State>(
      spec["state"], {{"Live", State::kLive}, {"Opening", State::kOpening}, {"Defunct", State::kDefunct}},
      profile.state);
  profile.since = reader.Text(spec["since"], kSinceRule, Need::kOptional);
  profile.note = reader.Text(spec["note"], kProseRule, Need::kOptional);
  if (profile.state == State::kDefunct) {
    const auto needed = [&](const Field& at, const char* what) {
      if (!at.value.exists()) reader.Refuse(at, std::string("is missing: a Defunct system needs it, ") + what);
    };
    needed(spec["since"], "so that admins are told since when it is defunct");
    needed(spec["note"], "so that admins are told why it is defunct");
  }
  profile.expires = reader.Moment(spec["expires"]);
  reader.List(spec["locations"], 0, kMaxLocations, "an object with region, zones and country",
              [&](const Field& at) { profile.locations.push_back(ReadProfileLocation(at, reader)); });
  profile.locations.shrink_to_fit();
  reader.List(spec["refuse"], 0, kMaxRefused, "an object with region and why",
              [&](const Field& at) { ReadRefused(at, reader, profile.refused); });
  reader.List(spec["requiredNodeLabels"], 0, kMaxRequiredLabels, "an object with key",
              [&](const Field& at) { ReadRequiredLabel(at, reader, profile.required_labels); });
}

}  // namespace

const char* ToString(State state) {
  switch (state) {
    case State::kLive:
      return "Live";
    case State::kOpening:
      return "Opening";
    case State::kDefunct:
      return "Defunct";
  }
  return "Unknown";
}

Result<HostingProfile> DecodeHostingProfile(kube::View object) {
  auto meta = kube::DecodeMeta(object);
  if (!meta) return Fail(std::move(meta).error().While("decode HostingProfile"));
  HostingProfile profile;
  profile.meta = std::move(*meta);
  SpecReader reader;
  ReadSpec({object["spec"], "spec"}, reader, profile);
  profile.invalid = std::move(reader).TakeProblem();
  return profile;
}

}  // namespace rempart::api
