#include "src/kube/event_book.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "src/base/json.h"
#include "src/base/text.h"

namespace rempart::kube {
namespace {

// Bounds of events.k8s.io/v1.
constexpr std::size_t kMaxNote = 1024;
constexpr std::size_t kMaxReason = 128;
constexpr std::size_t kMaxName = 253;

// Texts joined so that no two lists of texts give the same.
std::string Joined(std::initializer_list<std::string_view> texts) {
  std::string out;
  for (std::string_view text : texts) out.append(std::to_string(text.size())).append(":").append(text);
  return DigestOf(out);
}

std::string SeriesKey(const Event& e) {
  const ObjectRef& r = e.regarding;
  return Joined({r.api_version, r.kind, r.ns, r.name, r.uid, e.type == Event::Type::kNormal ? "N" : "W", e.reason,
                 e.action, e.note});
}

std::string BucketKey(const Event& e) {
  const ObjectRef& r = e.regarding;
  return Joined({r.api_version, r.kind, r.ns, r.name, r.uid, e.reason});
}

}  // namespace

EventBook::EventBook(Random& random, EventLimits limits) : random_(random), limits_(limits) {}

EventBook::Taken EventBook::Record(Event event, MonoTime now, WallTime wall) {
  event.note = CleanText(event.note, kMaxNote);
  event.reason = CleanText(event.reason, kMaxReason);
  event.action = CleanText(event.action, kMaxReason);
  const std::string key = SeriesKey(event);

  if (const auto found = series_.find(key); found != series_.end()) {
    Series& series = found->second;
    if (series.state != State::kIdle || now - series.last_seen <= limits_.series_age) {
      ++series.send.count;
      series.send.last = wall;
      series.last_seen = now;
      ages_.splice(ages_.end(), ages_, series.age);
      return series.state == State::kIdle ? Enqueue(key, series, now) : Taken::kYes;
    }
    Forget(key);
  }

  if (line_.size() >= limits_.line) return Taken::kFull;
  if (TakeToken(event, now) > Duration::zero()) return Taken::kTooMany;
  MakeRoom();
  Series series;
  series.send.key = key;
  series.send.ns = event.regarding.ns.empty() ? "default" : event.regarding.ns;
  series.send.name = NewName(event);
  series.send.first = series.send.last = wall;
  series.send.event = std::move(event);
  series.last_seen = now;
  series.state = State::kInLine;
  series.age = ages_.insert(ages_.end(), key);
  series_.emplace(key, std::move(series));
  line_.push_back(key);
  return Taken::kYes;
}

std::optional<EventSend> EventBook::Take(MonoTime now) {
  while (!held_.empty() && held_.begin()->first <= now && line_.size() < limits_.line) {
    const std::string key = held_.begin()->second;
    held_.erase(held_.begin());
    Enqueue(key, series_.at(key), now);
  }
  if (line_.empty()) return std::nullopt;
  Series& series = series_.at(line_.front());
  line_.pop_front();
  series.state = State::kSending;
  series.send.create = series.reported == 0;
  return series.send;
}

void EventBook::Sent(const EventSend& send, MonoTime now) {
  Series& series = series_.at(send.key);
  series.reported = send.count;
  series.send.name = send.name;
  series.state = State::kIdle;
  if (series.send.count > series.reported) Enqueue(send.key, series, now);
}

void EventBook::Failed(const EventSend& send) { Forget(send.key); }

MonoTime EventBook::NextDue() const {
  if (!line_.empty()) return MonoTime::min();
  return held_.empty() ? MonoTime::max() : held_.begin()->first;
}

std::string EventBook::NewName(const Event& event) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string suffix = ".";
  for (std::uint64_t n = random_.Next(), i = 0; i < 16; ++i, n >>= 4) suffix += kHex[n & 15];
  std::string name = event.regarding.name.substr(0, kMaxName - suffix.size());
  for (char& c : name) {
    const bool fit = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    if (!fit) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : '-';
  }
  // A label of a DNS name neither begins nor ends with a hyphen or a dot.
  const auto edge = [](char c) { return c == '-' || c == '.'; };
  while (!name.empty() && edge(name.back())) name.pop_back();
  name.erase(name.begin(), std::find_if_not(name.begin(), name.end(), edge));
  return (name.empty() ? "event" : name) + suffix;
}

Duration EventBook::TakeToken(const Event& event, MonoTime now) {
  const std::string key = BucketKey(event);
  auto found = buckets_.find(key);
  if (found == buckets_.end()) {
    // A full bucket need not be remembered; when too many are not full, they all are forgotten, which only lets more
    // through.
    if (buckets_.size() >= limits_.series) {
      std::erase_if(buckets_, [&](const auto& b) {
        return static_cast<double>((now - b.second.at) / limits_.one_per) + b.second.tokens >= limits_.burst;
      });
      if (buckets_.size() >= limits_.series) buckets_.clear();
    }
    found = buckets_.emplace(key, Bucket{limits_.burst, now}).first;
  }
  Bucket& bucket = found->second;
  const double period = static_cast<double>(limits_.one_per.count());
  bucket.tokens = std::min(limits_.burst, bucket.tokens + static_cast<double>((now - bucket.at).count()) / period);
  bucket.at = now;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return Duration::zero();
  }
  return Duration(static_cast<Duration::rep>(std::ceil((1 - bucket.tokens) * period))) + std::chrono::milliseconds(1);
}

// Puts a series that has something to tell into the line, or holds it back until it may be written.
EventBook::Taken EventBook::Enqueue(const std::string& key, Series& series, MonoTime now) {
  if (line_.size() >= limits_.line) {
    series.state = State::kIdle;  // told with its next event
    return Taken::kFull;
  }
  const Duration wait = TakeToken(series.send.event, now);
  if (wait > Duration::zero()) {
    series.state = State::kHeld;
    series.held = held_.emplace(now + wait, key);
    return Taken::kYes;
  }
  series.state = State::kInLine;
  line_.push_back(key);
  return Taken::kYes;
}

void EventBook::Forget(const std::string& key) {
  const auto found = series_.find(key);
  if (found == series_.end()) return;
  if (found->second.state == State::kHeld) held_.erase(found->second.held);
  ages_.erase(found->second.age);
  series_.erase(found);
}

void EventBook::MakeRoom() {
  for (auto age = ages_.begin(); age != ages_.end() && series_.size() >= limits_.series;) {
    const std::string key = *age++;  // Forget erases the node
    const State state = series_.at(key).state;
    if (state == State::kIdle || state == State::kHeld) Forget(key);
  }
}

}  // namespace rempart::kube
