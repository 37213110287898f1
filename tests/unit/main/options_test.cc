#include "operator/main/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

namespace rempart {
namespace {

using ::testing::HasSubstr;

ParsedOptions Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "rempart-operator");
  return ParseOptions(static_cast<int>(arguments.size()), arguments.data());
}

// Set while it lives.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(ParseOptions, Defaults) {
  const auto parsed = Parse({});
  ASSERT_TRUE(parsed.options) << parsed.text;
  EXPECT_TRUE(parsed.options->leader_elect);
  EXPECT_FALSE(parsed.options->dry_run);
  EXPECT_EQ(parsed.options->metrics_addr, ":8080");
  EXPECT_EQ(parsed.options->health_addr, ":8081");
  EXPECT_EQ(parsed.options->workers, 8);
  EXPECT_EQ(parsed.options->log_level, log::Level::kInfo);
  EXPECT_EQ(parsed.options->log_format, log::Format::kJson);
}

TEST(ParseOptions, EachFlag) {
  const auto parsed = Parse({"--kubeconfig",
                             "/k",
                             "--context=c",
                             "--leader-elect=false",
                             "--lease-namespace",
                             "ns",
                             "--lease-name",
                             "l",
                             "--metrics-addr",
                             "0",
                             "--health-addr",
                             ":1",
                             "--workers",
                             "3",
                             "--log-level",
                             "debug",
                             "--log-format",
                             "console",
                             "--dry-run",
                             "--audit-interval",
                             "90s"});
  ASSERT_TRUE(parsed.options) << parsed.text;
  const Options& options = *parsed.options;
  EXPECT_EQ(options.kubeconfig, "/k");
  EXPECT_EQ(options.context, "c");
  EXPECT_FALSE(options.leader_elect);
  EXPECT_EQ(options.lease_namespace, "ns");
  EXPECT_EQ(options.lease_name, "l");
  EXPECT_EQ(options.metrics_addr, "0");
  EXPECT_EQ(options.health_addr, ":1");
  EXPECT_EQ(options.workers, 3);
  EXPECT_EQ(options.log_level, log::Level::kDebug);
  EXPECT_EQ(options.log_format, log::Format::kConsole);
  EXPECT_TRUE(options.dry_run);
  EXPECT_EQ(options.audit_interval, std::chrono::seconds(90));
}

TEST(ParseOptions, FormsOfLeaderElect) {
  EXPECT_TRUE(Parse({"--leader-elect"}).options->leader_elect);
  EXPECT_TRUE(Parse({"--leader-elect=true"}).options->leader_elect);
  EXPECT_FALSE(Parse({"--no-leader-elect"}).options->leader_elect);
  EXPECT_TRUE(Parse({"--leader-elect=false", "--leader-elect=true"}).options->leader_elect) << "the last one counts";
}

TEST(ParseOptions, EachFlagHasAnEnvironmentTwin) {
  const Variable kubeconfig("REMPART_KUBECONFIG", "/k"), context("REMPART_CONTEXT", "c"),
      elect("REMPART_LEADER_ELECT", "false"), ns("REMPART_LEASE_NAMESPACE", "ns"), lease("REMPART_LEASE_NAME", "l"),
      metrics("REMPART_METRICS_ADDR", "0"), health("REMPART_HEALTH_ADDR", ":1"), workers("REMPART_WORKERS", "3"),
      level("REMPART_LOG_LEVEL", "warn"), format("REMPART_LOG_FORMAT", "console"), dry("REMPART_DRY_RUN", "true"),
      audit("REMPART_AUDIT_INTERVAL", "0");
  const auto parsed = Parse({"--workers", "5"});
  ASSERT_TRUE(parsed.options) << parsed.text;
  const Options& options = *parsed.options;
  EXPECT_EQ(options.kubeconfig + options.context + options.lease_namespace + options.lease_name, "/kcnsl");
  EXPECT_FALSE(options.leader_elect);
  EXPECT_EQ(options.metrics_addr + options.health_addr, "0:1");
  EXPECT_EQ(options.workers, 5) << "the flag wins";
  EXPECT_EQ(options.log_level, log::Level::kWarn);
  EXPECT_EQ(options.log_format, log::Format::kConsole);
  EXPECT_TRUE(options.dry_run);
  EXPECT_EQ(options.audit_interval, Duration::zero());
}

TEST(ParseOptions, UnknownFlagsAreErrorsWithASuggestion) {
  const auto near = Parse({"--leader-elct=false"});
  EXPECT_FALSE(near.options);
  EXPECT_EQ(near.exit_code, 2);
  EXPECT_THAT(near.text, HasSubstr("--leader-elct"));
  EXPECT_THAT(near.text, HasSubstr("did you mean --leader-elect?"));
  const auto far = Parse({"--frobnicate"});
  EXPECT_EQ(far.exit_code, 2);
  EXPECT_THAT(far.text, ::testing::Not(HasSubstr("did you mean")));
  EXPECT_EQ(Parse({"positional"}).exit_code, 2);
}

TEST(ParseOptions, BadValuesAreErrorsThatNameTheFlag) {
  for (const auto& [flag, value] :
       {std::pair{"--workers", "0"}, std::pair{"--workers", "x"}, std::pair{"--log-level", "loud"},
        std::pair{"--log-format", "xml"}, std::pair{"--audit-interval", "often"}}) {
    const auto parsed = Parse({flag, value});
    EXPECT_FALSE(parsed.options) << flag;
    EXPECT_EQ(parsed.exit_code, 2) << flag;
    EXPECT_THAT(parsed.text, HasSubstr(flag));
  }
  for (const auto& [twin, value] : {std::pair{"REMPART_WORKERS", "many"}, std::pair{"REMPART_LOG_LEVEL", "loud"},
                                    std::pair{"REMPART_AUDIT_INTERVAL", "often"}}) {
    const Variable bad(twin, value);
    const auto parsed = Parse({});
    EXPECT_FALSE(parsed.options) << twin;
    EXPECT_EQ(parsed.exit_code, 2) << twin;
  }
}

TEST(ParseOptions, HelpAndVersion) {
  const auto help = Parse({"--help"});
  EXPECT_FALSE(help.options);
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.text, HasSubstr("--dry-run"));
  const auto version = Parse({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.text, HasSubstr("rempart-operator "));
  EXPECT_THAT(version.text, HasSubstr("commit"));
}

}  // namespace
}  // namespace rempart
