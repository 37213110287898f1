#include "src/kube/queue.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace rempart::kube {

namespace {

constexpr int kBeforeLow = 3;
constexpr Duration kLongest = std::chrono::hours(24 * 365);  // longer delays are cut, so that sums stay in range

double Seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

// Powers of ten from 10 ns to 1,000 s: the bounds that dashboards of workqueue_* expect.
std::vector<double> DurationBuckets() {
  std::vector<double> bounds;
  for (int exponent = -8; exponent <= 3; ++exponent) bounds.push_back(std::pow(10.0, exponent));
  return bounds;
}

// How many retries may start at once, and how fast more are granted. A grant may lie in the future: the tokens go below
// zero then.
class Bucket {
 public:
  Bucket(double per_second, double burst) : per_second_(per_second), burst_(burst), tokens_(burst) {}

  // How long from `now` the next retry has to wait.
  Duration Grant(MonoTime now) {
    if (per_second_ <= 0) return Duration::zero();
    tokens_ = std::min(burst_, tokens_ + Seconds(now - filled_) * per_second_);
    filled_ = now;
    tokens_ -= 1;
    if (tokens_ >= 0) return Duration::zero();
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(-tokens_ / per_second_));
  }

 private:
  double per_second_, burst_, tokens_;
  MonoTime filled_{};
};

struct QueueMetrics {
  explicit QueueMetrics(Metrics& m) {
    const MetricLabels name{{"name", "rempart"}};
    depth = m.GetGauge("workqueue_depth", "Keys that are due and wait for a worker.", name);
    adds = m.GetCounter("workqueue_adds_total", "Keys put in line.", name);
    retries = m.GetCounter("workqueue_retries_total", "Keys that were put back with a back-off.", name);
    waited =
        m.GetHistogram("workqueue_queue_duration_seconds", "How long a key waited in line.", DurationBuckets(), name);
    worked =
        m.GetHistogram("workqueue_work_duration_seconds", "How long a key was worked on.", DurationBuckets(), name);
    unfinished =
        m.GetGauge("workqueue_unfinished_work_seconds", "Sum of the time that keys in work have taken so far.", name);
    longest = m.GetGauge("workqueue_longest_running_processor_seconds",
                         "How long the longest in work has taken so far.", name);
  }
  Gauge depth, unfinished, longest;
  Counter adds, retries;
  Histogram waited, worked;
};

}  // namespace

struct Queue::Impl {
  struct Item;
  // By when it is due, then in the order of the adds.
  using Delayed = std::map<std::pair<MonoTime, std::uint64_t>, Item*>;

  // A key that the queue has to remember something of.
  struct Item {
    const WorkKey* key = nullptr;  // the map's own copy
    bool in_line = false;          // in `line` or `low_line`
    bool working = false;          // between Take and Done
    bool again = false;            // added while in work: goes in line at Done
    int failures = 0;
    std::optional<Delayed::iterator> delayed;
    MonoTime since{};  // in_line or again: since when; it waits
    MonoTime begun{};  // working: since when
    bool Waits() const { return in_line || again; }
  };

  Impl(Clock& c, Random& r, Metrics& m, QueueOptions o)
      : clock(c), random(r), options(o), metrics(m), bucket(o.retries_per_second, o.retry_burst) {}

  // All of these with `mutex` held.

  Item& ItemOf(const WorkKey& key) {
    auto [it, is_new] = items.try_emplace(key);
    if (is_new) it->second.key = &it->first;
    return it->second;
  }

  Item* Find(const WorkKey& key) {
    auto it = items.find(key);
    return it == items.end() ? nullptr : &it->second;
  }

  void ForgetIfIdle(Item& item) {
    if (item.Waits() || item.working || item.failures > 0 || item.delayed) return;
    items.erase(items.find(*item.key));
  }

  void DropDelay(Item& item) {
    if (item.delayed) delayed.erase(*item.delayed);
    item.delayed.reset();
  }

  void AddNow(Item& item, MonoTime now) {
    DropDelay(item);
    if (item.Waits()) return;
    item.since = now;
    metrics.adds.Add();
    if (item.working) {
      item.again = true;
    } else {
      PutInLine(item);
    }
  }

  void PutInLine(Item& item) {
    item.in_line = true;
    (low.contains(item.key->controller) ? low_line : line).push_back(&item);
    metrics.depth.Set(static_cast<double>(InLine()));
    due.notify_one();
  }

  std::size_t InLine() const { return line.size() + low_line.size(); }

  // Of which there is one.
  Item& NextInLine() {
    const bool is_low = !low_line.empty() && (line.empty() || before_low == 0);
    before_low = is_low || low_line.empty() ? kBeforeLow : before_low - 1;
    std::deque<Item*>& from = is_low ? low_line : line;
    Item& item = *from.front();
    from.pop_front();
    item.in_line = false;
    return item;
  }

  void Delay(Item& item, MonoTime when) {
    if (item.Waits() || (item.delayed && (*item.delayed)->first.first <= when)) return;
    DropDelay(item);
    item.delayed = delayed.emplace(std::pair{when, ++sequence}, &item).first;
    // Whoever sleeps does so until what was the earliest before.
    if (*item.delayed == delayed.begin()) due.notify_all();
  }

  void MoveDue(MonoTime now) {
    while (!delayed.empty() && delayed.begin()->first.first <= now) AddNow(*delayed.begin()->second, now);
  }

  bool IsIdle() {
    MoveDue(clock.Mono());
    return InLine() == 0 && working.empty();
  }

  Duration BackOff(int failures) {
    Duration ceiling = options.base_delay;
    for (int i = 0; i < failures && ceiling < options.max_delay; ++i) ceiling *= 2;
    ceiling = std::min(ceiling, options.max_delay);
    return Duration(static_cast<Duration::rep>(static_cast<double>(ceiling.count()) * (0.5 + 0.5 * random.Unit())));
  }

  void FillGauges() {
    std::scoped_lock lock(mutex);
    const MonoTime now = clock.Mono();
    double sum = 0, longest = 0;
    for (const Item* item : working) {
      const double taken = Seconds(now - item->begun);
      sum += taken;
      longest = std::max(longest, taken);
    }
    metrics.unfinished.Set(sum);
    metrics.longest.Set(longest);
  }

  Clock& clock;
  Random& random;
  const QueueOptions options;
  const QueueMetrics metrics;

  mutable std::mutex mutex;
  std::condition_variable_any due;   // something may be due, or it is over
  std::condition_variable_any idle;  // it may be idle
  std::unordered_map<WorkKey, Item, WorkKeyHash>
      items;  // its items stay where they are: pointers to them are kept below
  std::deque<Item*> line, low_line;
  std::set<std::uint8_t> low;   // controllers
  int before_low = kBeforeLow;  // how many of `line` go before the next of `low_line`
  Delayed delayed;
  std::unordered_set<const Item*> working;
  Bucket bucket;
  std::uint64_t sequence = 0;
  bool over = false;
};

Queue::Queue(Clock& clock, Random& random, Metrics& metrics, QueueOptions options)
    : impl_(std::make_shared<Impl>(clock, random, metrics, options)) {
  metrics.OnCollect([weak = std::weak_ptr(impl_)] {
    if (auto impl = weak.lock()) impl->FillGauges();
  });
}

void Queue::SetLowPriority(std::uint8_t controller) {
  std::scoped_lock lock(impl_->mutex);
  impl_->low.insert(controller);
}

void Queue::Add(const WorkKey& key) {
  std::scoped_lock lock(impl_->mutex);
  const MonoTime now = impl_->clock.Mono();
  if (!impl_->over) impl_->AddNow(impl_->ItemOf(key), now);
}

void Queue::AddAfter(const WorkKey& key, Duration delay) {
  if (delay <= Duration::zero()) return Add(key);
  std::scoped_lock lock(impl_->mutex);
  const MonoTime now = impl_->clock.Mono();
  if (!impl_->over) impl_->Delay(impl_->ItemOf(key), now + std::min(delay, kLongest));
}

void Queue::AddRateLimited(const WorkKey& key, Duration at_least) {
  std::scoped_lock lock(impl_->mutex);
  const MonoTime now = impl_->clock.Mono();
  if (impl_->over) return;
  impl_->metrics.retries.Add();
  Impl::Item& item = impl_->ItemOf(key);
  const Duration back_off = impl_->BackOff(item.failures++);
  impl_->Delay(item, now + std::max({back_off, std::min(at_least, kLongest), impl_->bucket.Grant(now)}));
}

void Queue::Forget(const WorkKey& key) {
  std::scoped_lock lock(impl_->mutex);
  Impl::Item* item = impl_->Find(key);
  if (!item) return;
  item->failures = 0;
  impl_->ForgetIfIdle(*item);
}

int Queue::Failures(const WorkKey& key) const {
  std::scoped_lock lock(impl_->mutex);
  const Impl::Item* item = impl_->Find(key);
  return item ? item->failures : 0;
}

std::optional<WorkKey> Queue::Take(std::stop_token stop) {
  Impl& q = *impl_;
  std::stop_callback wake(stop, [&q] {
    std::scoped_lock lock(q.mutex);  // so that it cannot come between a check below and the wait
    q.due.notify_all();
  });
  std::unique_lock lock(q.mutex);
  while (!q.over && !stop.stop_requested()) {
    const MonoTime now = q.clock.Mono();
    q.MoveDue(now);
    if (q.InLine() == 0) {
      q.clock.WaitUntil(q.due, lock, q.delayed.empty() ? MonoTime::max() : q.delayed.begin()->first.first);
      continue;
    }
    Impl::Item& item = q.NextInLine();
    item.working = true;
    item.begun = now;
    q.working.insert(&item);
    q.metrics.depth.Set(static_cast<double>(q.InLine()));
    q.metrics.waited.Observe(Seconds(now - item.since));
    return *item.key;
  }
  if (q.InLine() > 0) q.due.notify_one();  // the wake-up that may have come here was meant for whoever goes on
  return std::nullopt;
}

void Queue::Done(const WorkKey& key) {
  std::scoped_lock lock(impl_->mutex);
  const MonoTime now = impl_->clock.Mono();
  Impl::Item* item = impl_->Find(key);
  if (!item || !item->working) return;
  impl_->metrics.worked.Observe(Seconds(now - item->begun));
  item->working = false;
  impl_->working.erase(item);
  if (std::exchange(item->again, false)) {
    impl_->PutInLine(*item);
  } else {
    impl_->ForgetIfIdle(*item);
  }
  if (impl_->IsIdle()) impl_->idle.notify_all();
}

void Queue::ShutDown() {
  std::scoped_lock lock(impl_->mutex);
  impl_->over = true;
  impl_->due.notify_all();
}

std::size_t Queue::depth() const {
  std::scoped_lock lock(impl_->mutex);
  impl_->MoveDue(impl_->clock.Mono());
  return impl_->InLine();
}

bool Queue::Idle() const {
  std::scoped_lock lock(impl_->mutex);
  return impl_->IsIdle();
}

bool Queue::AwaitIdle(std::stop_token stop) const {
  std::unique_lock lock(impl_->mutex);
  return impl_->idle.wait(lock, stop, [this] { return impl_->IsIdle(); });
}

}  // namespace rempart::kube
