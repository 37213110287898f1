#include "src/base/metrics.h"

#include <prometheus/check_names.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

#include "src/base/log.h"

namespace rempart {

namespace {

using prometheus::MetricType;

bool StrictlyRising(const std::vector<double>& bounds) {
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    if (!std::isfinite(bounds[i]) || (i > 0 && bounds[i] <= bounds[i - 1])) return false;
  }
  return true;
}

}  // namespace

void Counter::Add(double v) const {
  if (impl_) static_cast<prometheus::Counter*>(impl_)->Increment(v);
}
double Counter::Value() const { return impl_ ? static_cast<prometheus::Counter*>(impl_)->Value() : 0; }

void Gauge::Set(double v) const {
  if (impl_) static_cast<prometheus::Gauge*>(impl_)->Set(v);
}
void Gauge::Add(double v) const {
  if (impl_) static_cast<prometheus::Gauge*>(impl_)->Increment(v);
}
double Gauge::Value() const { return impl_ ? static_cast<prometheus::Gauge*>(impl_)->Value() : 0; }

void Histogram::Observe(double v) const {
  if (impl_) static_cast<prometheus::Histogram*>(impl_)->Observe(v);
}

// The library's own registry frees a series that is removed, under the feet of a thread that still holds its handle,
// and lists series in no order. So the series are kept here: never freed, hidden when removed, listed by name.
struct Metrics::Impl {
  struct Series {
    std::unique_ptr<prometheus::Counter> counter;
    std::unique_ptr<prometheus::Gauge> gauge;
    std::unique_ptr<prometheus::Histogram> histogram;
    bool shown = true;

    prometheus::ClientMetric Collect() const {
      if (counter) return counter->Collect();
      return gauge ? gauge->Collect() : histogram->Collect();
    }
  };
  struct Family {
    MetricType type;
    std::string help;
    std::vector<double> buckets;
    std::map<MetricLabels, Series> series;
  };

  mutable std::mutex mutex;
  std::map<std::string, Family> families;
  std::vector<std::function<void()>> fills;

  // nullptr, and a log line, for what only a bug of ours can ask for: the series then counts nothing, the process goes
  // on.
  Series* Find(const std::string& name, const std::string& help, MetricType type, const std::vector<double>& buckets,
               const MetricLabels& labels) {
    if (!prometheus::CheckMetricName(name) || !StrictlyRising(buckets)) {
      log::Error("metric refused: bad name or buckets", {{"metric", name}});
      return nullptr;
    }
    Family& family = families.try_emplace(name, Family{type, help, buckets, {}}).first->second;
    if (family.type != type) {
      log::Error("metric refused: the name is taken by another kind", {{"metric", name}});
      return nullptr;
    }
    Series& series = family.series[labels];
    if (type == MetricType::Counter && !series.counter) series.counter = std::make_unique<prometheus::Counter>();
    if (type == MetricType::Gauge && !series.gauge) series.gauge = std::make_unique<prometheus::Gauge>();
    if (type == MetricType::Histogram && !series.histogram) {
      series.histogram = std::make_unique<prometheus::Histogram>(family.buckets);
    }
    series.shown = true;
    return &series;
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter Metrics::GetCounter(const std::string& name, const std::string& help, const MetricLabels& labels) {
  std::scoped_lock lock(impl_->mutex);
  Counter handle;
  if (auto* series = impl_->Find(name, help, MetricType::Counter, {}, labels)) handle.impl_ = series->counter.get();
  return handle;
}

Gauge Metrics::GetGauge(const std::string& name, const std::string& help, const MetricLabels& labels) {
  std::scoped_lock lock(impl_->mutex);
  Gauge handle;
  if (auto* series = impl_->Find(name, help, MetricType::Gauge, {}, labels)) handle.impl_ = series->gauge.get();
  return handle;
}

Histogram Metrics::GetHistogram(const std::string& name, const std::string& help, const std::vector<double>& buckets,
                                const MetricLabels& labels) {
  std::scoped_lock lock(impl_->mutex);
  Histogram handle;
  if (auto* series = impl_->Find(name, help, MetricType::Histogram, buckets, labels))
    handle.impl_ = series->histogram.get();
  return handle;
}

void Metrics::RemoveGauge(const std::string& name, const MetricLabels& labels) {
  std::scoped_lock lock(impl_->mutex);
  const auto family = impl_->families.find(name);
  if (family == impl_->families.end() || family->second.type != MetricType::Gauge) return;
  const auto series = family->second.series.find(labels);
  if (series == family->second.series.end()) return;
  series->second.shown = false;
  series->second.gauge->Set(0);
}

void Metrics::OnCollect(std::function<void()> fill) {
  std::scoped_lock lock(impl_->mutex);
  impl_->fills.push_back(std::move(fill));
}

std::string Metrics::Expose() const {
  std::vector<std::function<void()>> fills;
  {
    std::scoped_lock lock(impl_->mutex);
    fills = impl_->fills;
  }
  for (const auto& fill : fills) fill();  // without the lock, since they ask for handles

  std::vector<prometheus::MetricFamily> families;
  {
    std::scoped_lock lock(impl_->mutex);
    for (const auto& [name, family] : impl_->families) {
      prometheus::MetricFamily out{name, family.help, family.type, {}};
      for (const auto& [labels, series] : family.series) {
        if (!series.shown) continue;
        prometheus::ClientMetric metric = series.Collect();
        for (const auto& [key, value] : labels) metric.label.push_back({key, value});
        out.metric.push_back(std::move(metric));
      }
      if (!out.metric.empty()) families.push_back(std::move(out));
    }
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace rempart
