#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "src/base/json.h"
#include "src/kube/kubeconfig.h"
#include "tests/unit/kube/temp_dir.h"

namespace rempart::kube {
namespace {

using std::chrono::seconds;
using test::TempDir;

const std::string kPem = "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n";

TEST(Credentials, None) {
  SimClock clock;
  const auto credentials = MakeCredentials(Config{}, clock).value();
  EXPECT_EQ(credentials->AuthorizationHeader().value(), "");
  EXPECT_EQ(credentials->ClientIdentity().value().certificate_pem, "");
}

TEST(Credentials, MoreThanOneKindIsRefused) {
  SimClock clock;
  Config config;
  config.token = "t";
  config.token_file = "/t";
  EXPECT_EQ(MakeCredentials(config, clock).error().kind, ErrorKind::kInvalid);
}

TEST(Credentials, TokenAndInlineCertificate) {
  SimClock clock;
  Config config;
  config.token = "t0";
  EXPECT_EQ(MakeCredentials(config, clock).value()->AuthorizationHeader().value(), "Bearer t0");
  config = {};
  config.client_cert_pem = kPem;
  config.client_key_pem = "key";
  const auto identity = MakeCredentials(config, clock).value()->ClientIdentity().value();
  EXPECT_EQ(identity.certificate_pem, kPem);
  EXPECT_EQ(identity.key_pem, "key");
}

TEST(Credentials, CertificateFilesAreReadEachTime) {
  SimClock clock;
  TempDir dir;
  Config config;
  config.client_cert_file = dir.Write("crt", kPem + "1");
  config.client_key_file = dir.Write("key", "-----BEGIN PRIVATE KEY-----1");
  const auto credentials = MakeCredentials(config, clock).value();
  EXPECT_EQ(credentials->ClientIdentity().value().certificate_pem, kPem + "1");
  dir.Write("crt", kPem + "2");
  EXPECT_EQ(credentials->ClientIdentity().value().certificate_pem, kPem + "2");
  EXPECT_EQ(credentials->ClientIdentity().value().key_pem, "-----BEGIN PRIVATE KEY-----1");
  dir.Write("key", "hunter2");
  const auto bad = credentials->ClientIdentity();
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("has no PEM"), std::string::npos);
  EXPECT_EQ(bad.error().message.find("hunter2"), std::string::npos);
  dir.Remove("key");
  EXPECT_EQ(credentials->ClientIdentity().error().kind, ErrorKind::kNotFound);
}

class TokenFileTest : public testing::Test {
 protected:
  TokenFileTest() { config_.token_file = dir_.Write("token", "t0\n"); }
  std::string Header() {
    const auto header = credentials().AuthorizationHeader();
    return header ? *header : "error: " + header.error().message;
  }
  Credentials& credentials() {
    if (!credentials_) credentials_ = MakeCredentials(config_, clock_).value();
    return *credentials_;
  }
  SimClock clock_;
  TempDir dir_;
  Config config_;
  std::unique_ptr<Credentials> credentials_;
};

TEST_F(TokenFileTest, IsReadAgainAfterAMinute) {
  EXPECT_EQ(Header(), "Bearer t0");
  dir_.Write("token", "t1");
  clock_.Advance(seconds(59));
  EXPECT_EQ(Header(), "Bearer t0");
  clock_.Advance(seconds(1));
  EXPECT_EQ(Header(), "Bearer t1");
}

TEST_F(TokenFileTest, IsReadAgainWhenRejected) {
  EXPECT_EQ(Header(), "Bearer t0");
  dir_.Write("token", "t1");
  credentials().Rejected();
  EXPECT_EQ(Header(), "Bearer t1");
}

TEST_F(TokenFileTest, TheLastTokenIsUsedWhileTheFileCannotBeRead) {
  EXPECT_EQ(Header(), "Bearer t0");
  dir_.Remove("token");
  clock_.Advance(seconds(60));
  EXPECT_EQ(Header(), "Bearer t0");
  credentials().Rejected();
  EXPECT_TRUE(Header().starts_with("error: token file: read ")) << Header();
  dir_.Write("token", "t2");
  EXPECT_EQ(Header(), "Bearer t2");
}

TEST_F(TokenFileTest, WhatIsNoTokenIsRefusedWithoutQuotingIt) {
  for (const std::string& content : {std::string(), std::string("\n"), std::string("hunter2\r\nX-Header: y"),
                                     std::string("hunter2\0", 8), std::string(70'000, 'h')}) {
    dir_.Write("token", content);
    credentials_.reset();
    EXPECT_TRUE(Header().starts_with("error: ")) << content;
    EXPECT_EQ(Header().find("hunter2"), std::string::npos);
  }
}

class ExecTest : public testing::Test {
 protected:
  ExecTest() {
    config_.server = "https://h:6443";
    config_.ca_pem = kPem;
    config_.exec = ExecPlugin{.api_version = "client.authentication.k8s.io/v1", .command = "get-token"};
  }
  Credentials& credentials() {
    if (!credentials_) {
      credentials_ =
          MakeCredentials(config_, clock_, [this](const ExecPlugin&, const std::string& info) -> Result<std::string> {
            ++runs_;
            info_ = info;
            if (failure_) return Fail(*failure_);
            return output_;
          }).value();
    }
    return *credentials_;
  }
  std::string Header() {
    const auto header = credentials().AuthorizationHeader();
    return header ? *header : "error: " + header.error().message;
  }
  static std::string Output(const Json& status) {
    return Json{{"apiVersion", "client.authentication.k8s.io/v1"}, {"kind", "ExecCredential"}, {"status", status}}
        .dump();
  }
  std::string In(Duration d) { return FormatTime(clock_.Now() + d); }

  SimClock clock_;
  Config config_;
  std::unique_ptr<Credentials> credentials_;
  std::string output_ = Output({{"token", "t0"}});
  std::optional<Error> failure_;
  std::string info_;
  int runs_ = 0;
};

TEST_F(ExecTest, IsRunOnceForATokenWithoutExpiry) {
  EXPECT_EQ(Header(), "Bearer t0");
  clock_.Advance(std::chrono::hours(1000));
  EXPECT_EQ(Header(), "Bearer t0");
  EXPECT_EQ(credentials().ClientIdentity().value().key_pem, "");
  EXPECT_EQ(runs_, 1);
}

TEST_F(ExecTest, IsRunAgainShortlyBeforeExpiry) {
  output_ = Output({{"token", "t0"}, {"expirationTimestamp", In(seconds(600))}});
  EXPECT_EQ(Header(), "Bearer t0");
  output_ = Output({{"token", "t1"}, {"expirationTimestamp", In(seconds(1200))}});
  clock_.Advance(seconds(569));
  EXPECT_EQ(Header(), "Bearer t0");
  clock_.Advance(seconds(1));
  EXPECT_EQ(Header(), "Bearer t1");
  EXPECT_EQ(runs_, 2);
}

TEST_F(ExecTest, AShortLifeIsUsedForMostOfItsTime) {
  output_ = Output({{"token", "t0"}, {"expirationTimestamp", In(seconds(20))}});
  EXPECT_EQ(Header(), "Bearer t0");
  clock_.Advance(seconds(17));
  EXPECT_EQ(Header(), "Bearer t0");
  EXPECT_EQ(runs_, 1);
}

TEST_F(ExecTest, ClientCertificates) {
  output_ = Output({{"clientCertificateData", kPem}, {"clientKeyData", "key"}});
  EXPECT_EQ(Header(), "");
  EXPECT_EQ(credentials().ClientIdentity().value().certificate_pem, kPem);
  EXPECT_EQ(credentials().ClientIdentity().value().key_pem, "key");
  EXPECT_EQ(runs_, 1);
}

TEST_F(ExecTest, RejectedRunsItAgainButNotForEveryThreadsAnswer) {
  EXPECT_EQ(Header(), "Bearer t0");
  output_ = Output({{"token", "t1"}});
  credentials().Rejected();
  EXPECT_EQ(Header(), "Bearer t0") << "it has just been run";
  clock_.Advance(seconds(5));
  credentials().Rejected();
  EXPECT_EQ(Header(), "Bearer t1");
  credentials().Rejected();
  credentials().Rejected();
  EXPECT_EQ(Header(), "Bearer t1");
  EXPECT_EQ(runs_, 2);
}

TEST_F(ExecTest, AFailureIsKeptForAMoment) {
  failure_ = Error::Denied("plugin: ended with status 1");
  EXPECT_EQ(Header(), "error: plugin: ended with status 1");
  EXPECT_EQ(Header(), "error: plugin: ended with status 1");
  EXPECT_EQ(runs_, 1);
  failure_.reset();
  clock_.Advance(seconds(5));
  EXPECT_EQ(Header(), "Bearer t0");
  EXPECT_EQ(runs_, 2);
}

TEST_F(ExecTest, AnExpiredCredentialIsRefused) {
  output_ = Output({{"token", "hunter2"}, {"expirationTimestamp", In(-seconds(1))}});
  EXPECT_NE(Header().find("expired at 2025-12-31T23:59:59Z: is this machine's clock right?"), std::string::npos)
      << Header();
}

TEST_F(ExecTest, StrangeAnswersAreRefusedWithoutQuotingThem) {
  const std::string v1 = R"("apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential")";
  const std::pair<std::string, std::string> kCases[] = {
      {"", "no JSON object"},
      {"hunter2", "no JSON object"},
      {"[\"hunter2\"]", "no JSON object"},
      {"{" + v1 + ",\"status\":{\"token\":\"hunter2\"}} trailing", "no JSON object"},
      {R"({"kind":"Secret","status":{"token":"hunter2"}})", "kind is not ExecCredential"},
      {R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","status":{"token":"hunter2"}})",
       "apiVersion is not"},
      {"{" + v1 + "}", "without status"},
      {"{" + v1 + ",\"status\":[\"hunter2\"]}", "without status"},
      {"{" + v1 + ",\"status\":{}}", "neither a token nor"},
      {"{" + v1 + ",\"status\":{\"token\":5}}", "neither a token nor"},
      {"{" + v1 + ",\"status\":{\"token\":\"hunter2\\r\\nX: y\"}}", "characters that no token has"},
      {"{" + v1 + ",\"status\":{\"clientKeyData\":\"hunter2\"}}", "only one of"},
      {"{" + v1 + ",\"status\":{\"token\":\"hunter2\",\"expirationTimestamp\":\"tomorrow\"}}", "no RFC 3339 time"},
  };
  for (const auto& [output, says] : kCases) {
    output_ = output;
    credentials_.reset();
    const auto header = credentials().AuthorizationHeader();
    ASSERT_FALSE(header) << output;
    EXPECT_EQ(header.error().kind, ErrorKind::kDenied);
    EXPECT_NE(header.error().message.find(says), std::string::npos) << header.error().message;
    EXPECT_EQ(header.error().message.find("hunter2"), std::string::npos) << header.error().message;
  }
}

TEST_F(ExecTest, ExecInfo) {
  (void)Header();
  EXPECT_EQ(*ParseJson(info_), Json::parse(R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",
                                               "spec":{"interactive":false}})"));
  config_.exec->provide_cluster_info = true;
  config_.exec->cluster_config = R"({"audience":"a","n":5})";
  config_.base_path = "/c1";
  credentials_.reset();
  (void)Header();
  const Json cluster = ParseJson(info_).value().at("spec").at("cluster");
  EXPECT_EQ(cluster.at("server"), "https://h:6443/c1");
  EXPECT_EQ(cluster.at("config"), Json::parse(R"({"audience":"a","n":5})"));
  EXPECT_TRUE(cluster.at("certificate-authority-data").get<std::string>().starts_with("LS0tLS1CRUdJTi"));
}

TEST_F(ExecTest, ManyThreadsRunItOnce) {
  (void)credentials();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this] {
      for (int n = 0; n < 100; ++n) {
        EXPECT_EQ(Header(), "Bearer t0");
        if (n % 10 == 0) credentials().Rejected();
      }
    });
  }
  threads.clear();
  EXPECT_EQ(runs_, 1);
}

}  // namespace
}  // namespace rempart::kube
