// Counters, gauges and histograms in Prometheus' text format; prometheus-cpp does the work and stays behind this
// header. Names keep to what dashboards know (controller_runtime_*, workqueue_*, rest_client_*); ours begin with
// rempart_.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace rempart {

using MetricLabels = std::map<std::string, std::string>;

// Handles are cheap to copy, valid as long as the registry (also after their series was removed), and thread-safe;
// counters and gauges are lock-free. A handle made by default, or refused, counts nothing.
class Counter {
 public:
  void Add(double v = 1) const;
  double Value() const;

 private:
  friend class Metrics;
  void* impl_ = nullptr;
};
class Gauge {
 public:
  void Set(double v) const;
  void Add(double v) const;
  double Value() const;

 private:
  friend class Metrics;
  void* impl_ = nullptr;
};
class Histogram {
 public:
  void Observe(double v) const;

 private:
  friend class Metrics;
  void* impl_ = nullptr;
};

// One a process, made by main and passed down. Thread-safe. Looking a handle up costs a lock and a map: hot paths keep
// the handle. Asking twice for the same name and labels gives the same series. A name's help and kind are those of the
// first call; a call that contradicts them, or names what Prometheus refuses, is logged and gets a handle that counts
// nothing. Label values come from closed sets (controller, code, verb), never from tenants' names without bound.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Counter GetCounter(const std::string& name, const std::string& help, const MetricLabels& labels = {});
  Gauge GetGauge(const std::string& name, const std::string& help, const MetricLabels& labels = {});
  Histogram GetHistogram(const std::string& name, const std::string& help, const std::vector<double>& buckets,
                         const MetricLabels& labels = {});
  // Takes one series out of the exposition (a region that was deleted); GetGauge brings it back, at 0.
  void RemoveGauge(const std::string& name, const MetricLabels& labels);
  // Called before each exposition, to fill gauges that are cheaper to compute when asked (process_*, store sizes).
  void OnCollect(std::function<void()> fill);
  std::string Expose() const;  // text format 0.0.4

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rempart
