// Which reports the audit writes, and which it takes away.
#include "operator/perimeter/audit/auditor.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/unit/audit/auditor_fixture.h"

namespace rempart::audit {
namespace {

using namespace std::chrono_literals;
using perimeter::test::Next;
using test::AuditorTest;
using test::Region;
using test::StorageClass;
using test::WithStorage;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_F(AuditorTest, ReportsThatAreNoLongerNeededGo) {
  server.reports["rempart-france-7"] = {{"metadata", {{"name", "rempart-france-7"}, {"namespace", "acme"}}}};
  Look();
  EXPECT_THAT(server.calls, Contains(HasSubstr("DELETE")));
  EXPECT_EQ(server.reports.size(), 1U);
}

TEST_F(AuditorTest, WithoutOpenReportsTheRestIsDone) {
  server.serves_reports = false;
  EXPECT_TRUE(Look());
  EXPECT_EQ(summaries.Get("france")->violations, 2U);
}

TEST_F(AuditorTest, TheClustersReportIsKeptAsThoseOfNamespacesAre) {
  caches.regions.Put(Next(WithStorage()));
  server.classes = {StorageClass("local-fr")};
  server.cluster_reports["rempart-france-7"] = {{"metadata", {{"name", "rempart-france-7"}}}};
  ASSERT_TRUE(Look());
  ASSERT_EQ(server.cluster_reports.size(), 1U) << "one that is no longer needed goes";
  EXPECT_EQ(server.cluster_reports["rempart-france-0"]["results"][0]["resources"][0]["name"], "local-fr");
  clock.Advance(5min);
  ASSERT_TRUE(Look());
  EXPECT_THAT(server.calls, Not(Contains(HasSubstr("PATCH")))) << "the same is not written again";
  server.cluster_reports["rempart-france-0"]["results"] = Json::array();
  clock.Advance(5min);
  ASSERT_TRUE(Look());
  EXPECT_EQ(server.cluster_reports["rempart-france-0"]["results"].size(), 1U) << "what somebody took out is back";
  server.classes.clear();
  clock.Advance(5min);
  ASSERT_TRUE(Look());
  EXPECT_EQ(server.cluster_reports["rempart-france-0"]["summary"]["fail"], 0) << "one that is clean says so";
  auto region = Region();
  region.meta.generation = 9;
  caches.regions.Put(Next(region));
  ASSERT_TRUE(Look());
  EXPECT_THAT(server.cluster_reports, IsEmpty()) << "no rule is about such objects any more";
  EXPECT_EQ(server.reports.size(), 1U);
}

TEST_F(AuditorTest, OfTwoKindsOfReportsEitherMayBeMissing) {
  caches.regions.Put(Next(WithStorage()));
  server.classes = {StorageClass("local-fr")};
  server.serves_reports = false;
  ASSERT_TRUE(Look());
  EXPECT_EQ(summaries.Get("france")->violations, 3U);
  EXPECT_THAT(server.reports, IsEmpty());
  EXPECT_EQ(server.cluster_reports["rempart-france-0"]["results"].size(), 1U);
  server.serves_reports = true;
  // A role from before there were any: the chart is not always upgraded together with its image.
  for (bool* missing : {&server.denies_cluster_reports, &server.serves_cluster_reports}) {
    *missing = !*missing;
    server.reports.clear(), server.cluster_reports.clear();
    clock.Advance(5min);
    ASSERT_TRUE(Look());
    EXPECT_EQ(summaries.Get("france")->violations, 3U);
    EXPECT_EQ(server.reports["rempart-france-0"]["results"].size(), 2U);
    EXPECT_THAT(server.cluster_reports, IsEmpty());
    EXPECT_THAT(server.calls, Not(Contains(HasSubstr("PATCH /apis/openreports.io/v1alpha1/clusterreports"))));
  }
}

TEST_F(AuditorTest, AsksFirstWhetherThereAreReports) {
  Look();
  ASSERT_GE(server.calls.size(), 2U);
  EXPECT_EQ(server.calls[0], "GET /apis/openreports.io/v1alpha1/reports");
  EXPECT_EQ(server.calls[1], "GET /apis/openreports.io/v1alpha1/clusterreports");
  EXPECT_EQ(std::ranges::count_if(
                server.calls, [](const std::string& call) { return call.starts_with("GET /apis/openreports.io/"); }),
            2);
}

}  // namespace
}  // namespace rempart::audit
