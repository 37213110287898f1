#include "src/base/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

namespace rempart {
namespace {

TEST(Metrics, ExposesTextFormat) {
  Metrics metrics;
  metrics.GetCounter("rest_client_requests_total", "Requests.", {{"code", "200"}, {"verb", "GET"}}).Add();
  metrics.GetCounter("rest_client_requests_total", "Requests.", {{"code", "429"}, {"verb", "GET"}}).Add(2);
  metrics.GetGauge("rempart_nodes", "Nodes.").Set(1.5);
  const Histogram h = metrics.GetHistogram("rempart_seconds", "Seconds.", {0.1, 1}, {{"step", "a"}});
  h.Observe(0.1);
  h.Observe(0.5);
  h.Observe(7);
  EXPECT_EQ(metrics.Expose(),
            "# HELP rempart_nodes Nodes.\n"
            "# TYPE rempart_nodes gauge\n"
            "rempart_nodes 1.5\n"
            "# HELP rempart_seconds Seconds.\n"
            "# TYPE rempart_seconds histogram\n"
            "rempart_seconds_count{step=\"a\"} 3\n"
            "rempart_seconds_sum{step=\"a\"} 7.6\n"
            "rempart_seconds_bucket{step=\"a\",le=\"0.1\"} 1\n"
            "rempart_seconds_bucket{step=\"a\",le=\"1\"} 2\n"
            "rempart_seconds_bucket{step=\"a\",le=\"+Inf\"} 3\n"
            "# HELP rest_client_requests_total Requests.\n"
            "# TYPE rest_client_requests_total counter\n"
            "rest_client_requests_total{code=\"200\",verb=\"GET\"} 1\n"
            "rest_client_requests_total{code=\"429\",verb=\"GET\"} 2\n");
}

TEST(Metrics, SameNameAndLabelsAreTheSameSeries) {
  Metrics metrics;
  const Counter a = metrics.GetCounter("n_total", "N.", {{"a", "1"}, {"b", "2"}});
  const Counter b = metrics.GetCounter("n_total", "another help", {{"b", "2"}, {"a", "1"}});
  a.Add();
  b.Add(2);
  EXPECT_EQ(a.Value(), 3);
  EXPECT_NE(metrics.Expose().find("# HELP n_total N.\n"), std::string::npos);
}

TEST(Metrics, LabelValuesAreEscaped) {
  Metrics metrics;
  metrics.GetGauge("g", "G.", {{"v", "a\"b\\c\nd"}}).Set(1);
  EXPECT_NE(metrics.Expose().find(R"(g{v="a\"b\\c\nd"} 1)"), std::string::npos) << metrics.Expose();
}

TEST(Metrics, CountersOnlyGrow) {
  Metrics metrics;
  const Counter c = metrics.GetCounter("c_total", "C.");
  c.Add(2);
  c.Add(-1);
  EXPECT_EQ(c.Value(), 2);
}

TEST(Metrics, ARemovedSeriesIsGoneAndItsHandleHarmless) {
  Metrics metrics;
  const Gauge france = metrics.GetGauge("nodes", "Nodes.", {{"region", "france"}});
  const Gauge other = metrics.GetGauge("nodes", "Nodes.", {{"region", "other"}});
  france.Set(3);
  other.Set(4);
  metrics.RemoveGauge("nodes", {{"region", "france"}});
  EXPECT_EQ(metrics.Expose(), "# HELP nodes Nodes.\n# TYPE nodes gauge\nnodes{region=\"other\"} 4\n");
  france.Set(5);
  metrics.RemoveGauge("nodes", {{"region", "other"}});
  EXPECT_EQ(metrics.Expose(), "");
  EXPECT_EQ(metrics.GetGauge("nodes", "Nodes.", {{"region", "other"}}).Value(), 0);
  EXPECT_EQ(metrics.Expose(), "# HELP nodes Nodes.\n# TYPE nodes gauge\nnodes{region=\"other\"} 0\n");
}

TEST(Metrics, RemovingWhatIsNotThereDoesNothing) {
  Metrics metrics;
  metrics.GetCounter("c_total", "C.").Add();
  metrics.RemoveGauge("c_total", {});
  metrics.RemoveGauge("nothing", {});
  EXPECT_NE(metrics.Expose().find("c_total 1"), std::string::npos);
}

TEST(Metrics, WhatIsRefusedCountsNothing) {
  Metrics metrics;
  metrics.GetCounter("taken", "T.");
  const Gauge other_kind = metrics.GetGauge("taken", "T.");
  other_kind.Set(1);
  EXPECT_EQ(other_kind.Value(), 0);
  metrics.GetCounter("bad name", "B.").Add();
  metrics.GetHistogram("h", "H.", {1, 1}).Observe(1);
  metrics.GetHistogram("h", "H.", {2, 1}).Observe(1);
  metrics.GetHistogram("h", "H.", {1, std::numeric_limits<double>::infinity()}).Observe(1);
  EXPECT_EQ(metrics.Expose(), "# HELP taken T.\n# TYPE taken counter\ntaken 0\n");
  Counter().Add();
  Gauge().Set(1);
  Histogram().Observe(1);
}

TEST(Metrics, FillsBeforeEachExposition) {
  Metrics metrics;
  int n = 0;
  metrics.OnCollect([&] { metrics.GetGauge("asked", "A.").Set(++n); });
  EXPECT_NE(metrics.Expose().find("asked 1\n"), std::string::npos);
  EXPECT_NE(metrics.Expose().find("asked 2\n"), std::string::npos);
}

TEST(Metrics, CountsFromManyThreads) {
  Metrics metrics;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        const Counter c = metrics.GetCounter("c_total", "C.");
        const Gauge g = metrics.GetGauge("g", "G.");
        for (int i = 0; i < 5000; ++i) {
          c.Add();
          g.Add(i % 2 == 0 ? 1 : -1);
          if (i % 500 == 0) metrics.Expose();
        }
      });
    }
  }
  EXPECT_EQ(metrics.GetCounter("c_total", "C.").Value(), 20000);
  EXPECT_EQ(metrics.GetGauge("g", "G.").Value(), 0);
}

}  // namespace
}  // namespace rempart
