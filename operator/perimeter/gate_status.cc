#include "operator/perimeter/gate_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "src/base/text.h"

namespace rempart::perimeter {
namespace {

using api::Language;
using api::RegionRules;
using api::Say;
using State = GateView::State;

constexpr std::size_t kProblemsNamed = 5;
constexpr std::size_t kSaidBytes = 200;  // of what the server said
constexpr std::size_t kRefusalBytes = 300;

std::string_view ModeName(RegionRules::Enforcement mode) {
  return mode == RegionRules::Enforcement::kAudit ? "Audit" : "Warn";
}

GateView NothingToProve(std::string reason, std::string message) {
  return {.self_tested = {"SelfTested", "Unknown", std::move(reason), std::move(message)}};
}

GateView Pending(std::string message) {
  return {.self_tested = {"SelfTested", "Unknown", "Pending", std::move(message)}, .state = State::kPending};
}

// The worst first: what is open, then what is shut too tight, then what is not known.
std::string_view ReasonOf(const std::vector<ProbeProblem>& problems) {
  const auto worst = std::ranges::min(problems, {}, &ProbeProblem::kind);
  switch (worst.kind) {
    case ProbeProblem::Kind::kGotIn:
      return "ProbeAdmitted";
    case ProbeProblem::Kind::kRefused:
      return "ProbeRefused";
    case ProbeProblem::Kind::kNotByItsRule:
    case ProbeProblem::Kind::kNotJudged:
      break;
  }
  return "NotProven";
}

std::string Describe(Language language, const ProbeProblem& problem) {
  const std::string said = CleanText(problem.message, kSaidBytes);
  switch (problem.kind) {
    case ProbeProblem::Kind::kGotIn:
      return Say(language, "{}: an object that it must refuse got in", "{} : un objet qu'elle doit refuser est entré",
                 problem.rule);
    case ProbeProblem::Kind::kRefused:
      return Say(language, "{}: an object that keeps all rules was refused: {}",
                 "{} : un objet qui respecte toutes les règles a été refusé : {}", problem.rule, said);
    case ProbeProblem::Kind::kNotByItsRule:
      return Say(language, "{}: its object was refused by something else: {}",
                 "{} : son objet a été refusé par autre chose : {}", problem.rule, said);
    case ProbeProblem::Kind::kNotJudged:
      break;
  }
  return Say(language, "{}: its object was not judged: {}", "{} : son objet n'a pas été jugé : {}", problem.rule, said);
}

// Before what may be long, and is cut.
std::string LastHeld(Language language, const GateProof& proof) {
  return proof.held
             ? Say(language, "last held at {}; ", "a tenu pour la dernière fois le {} ; ", FormatTime(*proof.held))
             : "";
}

GateView Failed(Language language, const GateProof& proof) {
  std::vector<ProbeProblem> worst_first = proof.problems;
  std::ranges::stable_sort(worst_first, {}, &ProbeProblem::kind);
  std::string message = LastHeld(language, proof);
  if (!proof.ns.empty()) message += Say(language, "in namespace {}: ", "dans l'espace de noms {} : ", proof.ns);
  for (std::size_t i = 0; i < std::min(worst_first.size(), kProblemsNamed); ++i)
    message += (i == 0 ? "" : "; ") + Describe(language, worst_first[i]);
  if (worst_first.size() > kProblemsNamed)
    message += Say(language, "; and {} more", " ; et {} de plus", worst_first.size() - kProblemsNamed);
  return {.self_tested = {"SelfTested", "False", std::string(ReasonOf(proof.problems)), std::move(message)},
          .state = State::kFailed};
}

// What the proof does not cover.
std::string NotProbed(Language language, const GateProof& proof) {
  if (proof.not_probed.empty()) return "";
  return Say(language, "; rules that no request of the operator's own can show: {} (status.gate.notProbed)",
             " ; règles qu'aucune requête de l'opérateur ne peut montrer : {} (status.gate.notProbed)",
             proof.not_probed.size());
}

// A status that was edited may name any time, and how long ago it was need not be a Duration.
GateView Proven(Language language, WallTime held, WallTime now, std::string message) {
  if (now >= held + kProofHolds)
    return Pending(Say(language, "the gate was last shown to be shut at {}",
                       "la dernière preuve que la porte est fermée date du {}", FormatTime(held)));
  return {.self_tested = {"SelfTested", "True", "Proven", std::move(message)},
          .state = State::kProven,
          .look_again = held + kProofHolds - now};
}

// What an operator before this one left in the status.
std::optional<GateView> FromStatus(const api::SovereignRegion& region, const Json& before, WallTime now) {
  const auto member = [](const Json& of, const char* name) {
    const auto it = of.is_object() ? of.find(name) : of.end();
    return it == of.end() ? Json() : *it;
  };
  const Json gate = member(before, "gate"), held = member(gate, "lastHeld"), conditions = member(before, "conditions");
  if (!held.is_string() || !conditions.is_array()) return std::nullopt;
  const auto time = ParseTime(held.get<std::string>());
  if (!time || *time > now) return std::nullopt;
  for (const Json& condition : conditions) {
    if (member(condition, "type") != "SelfTested") continue;
    const Json message = member(condition, "message");
    if (member(condition, "status") != "True" || member(condition, "observedGeneration") != region.meta.generation ||
        !message.is_string())
      return std::nullopt;
    GateView view = Proven(region.rules.language, *time, now, message.get<std::string>());
    view.status = gate;
    return view;
  }
  return std::nullopt;
}

Json StatusOf(const GateProof& proof) {
  Json status = {{"refused", proof.refused}, {"admitted", proof.admitted}};
  if (proof.held) status["lastHeld"] = FormatTime(*proof.held);
  if (!proof.not_probed.empty()) status["notProbed"] = proof.not_probed;
  return status;
}

GateView NotWritten(const api::SovereignRegion& region, const std::optional<GateProof>& proof,
                    const std::string& unwritten) {
  const Language language = region.rules.language;
  GateView view{.self_tested = {"SelfTested", "False", "GateNotWritten",
                                Say(language, "what the spec asks for cannot all be written: {}",
                                    "ce que la spec demande ne peut être écrit en entier : {}",
                                    CleanText(unwritten, kRefusalBytes))},
                .state = State::kFailed};
  if (!proof || proof->uid != region.meta.uid || proof->no_namespace ||
      region.rules.enforcement != RegionRules::Enforcement::kEnforce)
    return view;
  if (!proof->problems.empty())
    view.self_tested.message += "; " + Failed(language, *proof).self_tested.message;
  else if (proof->held)
    view.self_tested.message +=
        Say(language, "; what there was before last held at {}",
            " ; ce qu'il y avait avant a tenu pour la dernière fois le {}", FormatTime(*proof->held));
  view.status = StatusOf(*proof);
  return view;
}

}  // namespace

GateView ViewGate(const api::SovereignRegion& region, const std::optional<GateProof>& proof,
                  const std::string& unwritten, const Json& before, WallTime now) {
  const RegionRules::Enforcement mode = region.rules.enforcement;
  const Language language = region.rules.language;
  if (!unwritten.empty()) return NotWritten(region, proof, unwritten);
  if (mode != RegionRules::Enforcement::kEnforce) {
    return NothingToProve("NotEnforced",
                          Say(language, "spec.enforcement is {}: nothing is refused that could be shown",
                              "spec.enforcement est {} : rien n'est refusé qui puisse être montré", ModeName(mode)));
  }
  const std::string to_be_tested = Say(language, "the gate is about to be tested", "la porte va être éprouvée");
  if (!proof || proof->uid != region.meta.uid) {
    if (auto view = FromStatus(region, before, now)) return *std::move(view);
    return Pending(to_be_tested);
  }
  if (proof->no_namespace)
    return NothingToProve("NoNamespace",
                          Say(language, "the region governs no namespace: there is nothing to guard yet",
                              "la région ne gouverne aucun espace de noms : il n'y a encore rien à garder"));
  if (proof->generation != region.meta.generation)
    return Pending(LastHeld(language, *proof) + Say(language, "the gate is about to be tested as it is now",
                                                    "la porte va être éprouvée comme elle est maintenant"));
  GateView view;
  if (!proof->problems.empty()) {
    view = Failed(language, *proof);
  } else if (!proof->held) {
    view = Pending(to_be_tested);
  } else {
    view = Proven(language, *proof->held, now,
                  Say(language, "at {}, {} objects were refused, each by its own rule, and {} were let in",
                      "le {}, {} objets ont été refusés, chacun par sa règle, et {} sont entrés",
                      FormatTime(*proof->held), proof->refused, proof->admitted) +
                      NotProbed(language, *proof));
  }
  view.status = StatusOf(*proof);
  return view;
}

}  // namespace rempart::perimeter
