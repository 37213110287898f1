// StatusTable and StatusJson: see status.h.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ranges>

#include "operator/cli/status.h"

namespace rempart::cli {
namespace {

constexpr std::size_t kLabel = 16;  // columns before what a line says
constexpr std::size_t kNarrowest = 40;
constexpr std::size_t kNamed = 10;  // names and zones in a line

// In characters, for columns.
std::size_t Width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// Words in lines of `width` columns, those after the first indented; a longer word has a line of its own.
std::string Wrapped(std::string first, std::string_view text, std::size_t indent, std::size_t width) {
  std::size_t column = Width(first);
  bool begins = true;  // a line
  for (const auto part : std::views::split(text, ' ')) {
    const std::string_view word(part.begin(), part.end());
    if (word.empty()) continue;
    if (!begins && column + 1 + Width(word) > width) {
      first += '\n' + std::string(indent, ' ');
      column = indent;
      begins = true;
    }
    if (!begins) first += ' ', ++column;
    first += word;
    column += Width(word);
    begins = false;
  }
  return first + "\n";
}

class Page {
 public:
  explicit Page(std::size_t width) : width_(std::max(width, kNarrowest)) {}

  void Title(const std::string& name, const std::string& text) { text_ += Wrapped(name, text, 2, width_); }
  // The label stands before the first of a section's lines.
  void Line(std::string_view label, std::string_view text) {
    text_ += Wrapped(fmt::format("  {:<{}}", label, kLabel - 2), text, kLabel, width_);
  }
  void Rule(const RegionStatus::RuleCount& rule, std::size_t count_width) {
    const std::string begin = fmt::format("{:{}}{:<7} {:>{}}  ", "", kLabel, rule.rule, rule.count, count_width);
    text_ += Wrapped(begin, rule.sentence, Width(begin), width_);
  }
  void Gap() { text_ += text_.empty() ? "" : "\n"; }
  std::string Take() { return std::move(text_); }

 private:
  const std::size_t width_;
  std::string text_;
};

std::string Number(const std::optional<std::uint64_t>& n) { return n ? fmt::format("{}", *n) : "?"; }

// "a, b, c and 4 more", of `total`.
std::string Some(const std::vector<std::string>& names, std::uint64_t total) {
  std::vector<std::string> first(names.begin(), names.begin() + static_cast<long>(std::min(names.size(), kNamed)));
  std::string text = fmt::format("{}", fmt::join(first, ", "));
  if (total > first.size()) text += fmt::format(" and {} more", total - first.size());
  return text;
}

// "40 s ago", "3 min ago"; "" for a time that cannot be read, or lies ahead.
std::string Ago(const std::string& time, WallTime now) {
  const auto then = ParseTime(time);
  if (!then || *then > now) return {};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now - *then).count();
  if (seconds < 120) return fmt::format("{} s ago", seconds);
  if (seconds < 2 * 3600) return fmt::format("{} min ago", seconds / 60);
  if (seconds < 2 * 86400) return fmt::format("{} h ago", seconds / 3600);
  return fmt::format("{} days ago", seconds / 86400);
}

std::string WithAge(const std::string& time, WallTime now) {
  const std::string ago = Ago(time, now);
  return ago.empty() ? time : fmt::format("{} ({})", time, ago);
}

void Title(const RegionStatus& region, Page& page, WallTime now) {
  std::string text = " ";
  if (!region.country.empty()) text += fmt::format("({}) ", region.country);
  const std::string name = "Region " + region.name + " ";
  if (!region.there) return page.Title(name, text + "not Ready: no operator has looked at it yet");
  if (!region.ready) {
    text += "not Ready: its status does not say";
  } else {
    const auto& ready = *region.ready;
    text += fmt::format("{}: {}", region.IsReady() ? "Ready" : "not Ready", ready.reason);
    if (!ready.message.empty()) text += ": " + ready.message;
    if (!ready.since.empty()) text += fmt::format("; since {}", WithAge(ready.since, now));
  }
  page.Title(name, text);
  if (region.deleting) page.Line("", "It is being deleted.");
  if (!region.current)
    page.Line("", "The spec changed since: the operator has not looked at it as it is now. What follows is older.");
}

void Nodes(const RegionStatus& region, Page& page) {
  std::string zones;
  std::size_t named = 0;
  for (const auto& [zone, count] : region.zones) {
    if (named++ == kNamed) break;
    zones += fmt::format("{}{} in {}", zones.empty() ? ": " : ", ", count, zone);
  }
  if (region.zones.size() > kNamed) zones += fmt::format(" and {} more zones", region.zones.size() - kNamed);
  page.Line("nodes", fmt::format("{} qualified{}", Number(region.qualified), zones));
  std::string reasons;
  for (const auto& [reason, count] : region.reasons)
    reasons += fmt::format("{}{} {}", reasons.empty() ? ": " : ", ", count, reason);
  if (region.outside_omitted > 0)
    reasons += fmt::format("{}{} not listed", reasons.empty() ? ": " : ", ", region.outside_omitted);
  page.Line("", fmt::format("{} outside{}", Number(region.outside), reasons));
}

void Gate(const RegionStatus& region, Page& page, WallTime now) {
  const auto& tested = region.self_tested;
  std::string text = region.enforcement + ": ";
  if (!tested) {
    text += "not told whether it is shut";
  } else if (tested->status == "True") {
    text += "shown to be shut";
  } else {
    text += fmt::format("{}: {}: {}", tested->status == "False" ? "NOT as it should be" : "not shown to be shut",
                        tested->reason, tested->message);
  }
  page.Line("gate", text);
  if (region.refused || region.admitted || !region.last_held.empty()) {
    std::string probes = fmt::format("{} probes refused, {} admitted", Number(region.refused), Number(region.admitted));
    if (!region.last_held.empty()) probes += "; all as they should last at " + WithAge(region.last_held, now);
    page.Line("", probes);
  }
  if (!region.not_probed.empty()) page.Line("", fmt::format("not probed: {}", fmt::join(region.not_probed, ", ")));
  if (region.fully_declared && region.fully_declared->status == "False")
    page.Line("spec", region.fully_declared->message);
}

void Violations(const RegionStatus& region, Page& page) {
  if (!region.audited && !region.violations) {
    page.Line("what runs", "not audited yet");
    return;
  }
  const std::string of = region.audited ? fmt::format(" in {} objects", *region.audited) : "";
  page.Line("what runs", fmt::format("{} violations{}", Number(region.violations), of));
  if (!region.audit_left_out.empty()) page.Line("", "not judged: " + region.audit_left_out);
  std::size_t widest = 0;
  for (const auto& rule : region.by_rule) widest = std::max(widest, fmt::formatted_size("{}", rule.count));
  for (const auto& rule : region.by_rule) page.Rule(rule, widest);
}

void Namespaces(const RegionStatus& region, Page& page) {
  if (!region.governed && !region.in_no_region) return;
  page.Line("namespaces", fmt::format("{} governed", Number(region.governed)));
  if (region.in_no_region.value_or(0) == 0) return;
  std::string names = Some(region.names_in_no_region, *region.in_no_region);
  if (!region.names_in_no_region.empty())
    names.insert(0, ": ");
  else
    names.clear();
  page.Line("", fmt::format("{} of the cluster in no region{}", *region.in_no_region, names));
}

nlohmann::ordered_json ConditionJson(const std::optional<RegionStatus::Condition>& condition) {
  if (!condition) return nullptr;
  return {{"status", condition->status},
          {"reason", condition->reason},
          {"message", condition->message},
          {"lastTransitionTime", condition->since}};
}

nlohmann::ordered_json NumberJson(const std::optional<std::uint64_t>& n) {
  return n ? nlohmann::ordered_json(*n) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json RegionJson(const RegionStatus& region) {
  using OrderedJson = nlohmann::ordered_json;
  OrderedJson reasons = OrderedJson::object(), zones = OrderedJson::object(), rules = OrderedJson::array();
  for (const auto& [reason, count] : region.reasons) reasons[reason] = count;
  for (const auto& [zone, count] : region.zones) zones[zone] = count;
  for (const auto& [rule, count, sentence] : region.by_rule)
    rules.push_back(OrderedJson{{"rule", rule}, {"count", count}, {"sentence", sentence}});
  return {{"name", region.name},
          {"country", region.country},
          {"isReady", region.IsReady()},
          {"current", region.current},
          {"deleting", region.deleting},
          {"ready", ConditionJson(region.ready)},
          {"nodes",
           {{"qualified", NumberJson(region.qualified)},
            {"zones", zones},
            {"outside", NumberJson(region.outside)},
            {"outsideReasons", reasons},
            {"outsideNotListed", region.outside_omitted}}},
          {"gate",
           {{"enforcement", region.enforcement},
            {"selfTested", ConditionJson(region.self_tested)},
            {"lastHeld", region.last_held},
            {"refused", NumberJson(region.refused)},
            {"admitted", NumberJson(region.admitted)},
            {"notProbed", region.not_probed},
            {"fullyDeclared", ConditionJson(region.fully_declared)}}},
          {"audit",
           {{"objects", NumberJson(region.audited)},
            {"violations", NumberJson(region.violations)},
            {"leftOut", region.audit_left_out},
            {"rules", rules}}},
          {"namespaces",
           {{"governed", NumberJson(region.governed)},
            {"inNoRegion", NumberJson(region.in_no_region)},
            {"namesInNoRegion", region.names_in_no_region}}},
          {"workloads", NumberJson(region.workloads)},
          {"attestationsExpiring", ConditionJson(region.expiring)}};
}

}  // namespace

std::string StatusTable(const std::vector<RegionStatus>& regions, std::size_t width, WallTime now) {
  Page page(width);
  for (const RegionStatus& region : regions) {
    page.Gap();
    Title(region, page, now);
    if (!region.there) continue;
    Nodes(region, page);
    Gate(region, page, now);
    Violations(region, page);
    Namespaces(region, page);
    page.Line("workloads", Number(region.workloads));
    if (region.expiring && region.expiring->reason != "NoAuthorities")
      page.Line("attestations", region.expiring->message);
  }
  return page.Take();
}

std::string StatusJson(const std::vector<RegionStatus>& regions) {
  using OrderedJson = nlohmann::ordered_json;
  OrderedJson list = OrderedJson::array();
  for (const RegionStatus& region : regions) list.push_back(RegionJson(region));
  const OrderedJson all = {{"version", 1}, {"regions", std::move(list)}};
  return all.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace rempart::cli
