#include "operator/perimeter/attestation_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/perimeter/node_reconciler.h"
#include "tests/unit/kube/reconcile_fakes.h"
#include "tests/unit/perimeter/attesting.h"

namespace rempart::perimeter {
namespace {

using namespace test;

struct AttestationBookTest : ::testing::Test {
  // As a decoder leaves them.
  static api::NodeAttestation Digested(api::NodeAttestation attestation, std::string digest = "one") {
    attestation.digest = std::move(digest);
    return attestation;
  }
  static api::AttestationPolicy Digested(api::AttestationPolicy policy, std::string digest = "keys") {
    policy.digest = std::move(digest);
    return policy;
  }
  double verified() const { return count.Value(); }

  Metrics metrics;
  Counter count = metrics.GetCounter("verified", "for this test");
  AttestationBook book{count};
};

TEST_F(AttestationBookTest, VerifiesOnceForEachEnvelopeAndSetOfKeys) {
  auto attestation = Digested(Signed(Statement()));
  const auto policy = Digested(Policy());
  const OpenedPtr first = book.Open(attestation, policy);
  EXPECT_EQ(first->signers, std::vector<std::size_t>{0});
  attestation.meta.resource_version += 5;  // its status was written
  auto longer = policy;
  longer.max_age = 1h;
  longer.threshold = 3;
  EXPECT_EQ(book.Open(attestation, policy), first);
  EXPECT_EQ(book.Open(attestation, longer), first) << "time and threshold are judged later";
  EXPECT_EQ(verified(), 1);
  EXPECT_TRUE(book.Open(attestation, Digested(Policy(0), "others"))->signers.empty()) << "other keys";
  EXPECT_TRUE(book.Open(Digested(Signed(Statement(), {1}), "another"), policy)->signers.empty()) << "another envelope";
  EXPECT_EQ(verified(), 3);
  attestation.meta.key.name = "copy";
  EXPECT_EQ(book.Open(attestation, policy)->name, "copy");
}

TEST_F(AttestationBookTest, WithoutADigestNothingIsTakenForSomethingElse) {
  EXPECT_FALSE(book.Open(Signed(Statement()), Policy())->signers.empty());
  EXPECT_TRUE(book.Open(Signed(Statement(), {1}), Policy())->signers.empty());
  EXPECT_TRUE(book.Open(Digested(Signed(Statement())), Policy(0))->signers.empty());
  EXPECT_FALSE(book.Open(Digested(Signed(Statement())), Policy())->signers.empty());
}

TEST_F(AttestationBookTest, ForgetsWhatWasNotAskedForLongest) {
  const auto policy = Digested(Policy(0));
  const auto kept = Digested(Signed(Statement()), "kept");
  const auto left = Digested(Signed(Statement()), "left");
  book.Open(kept, policy);
  book.Open(left, policy);
  auto other = kept;
  for (int i = 0; i < 40'000; ++i) {  // above twice a generation
    other.digest = "other " + std::to_string(i);
    book.Open(other, policy);
    if (i % 1'000 == 0) book.Open(kept, policy);
  }
  const double before = verified();
  book.Open(kept, policy);
  EXPECT_EQ(verified(), before);
  book.Open(left, policy);
  EXPECT_EQ(verified(), before + 1);
}

TEST(Attestations, AreFoundByNodeInTheOrderOfTheirNames) {
  std::vector<AttestationPtr> all;
  for (const auto& [name, node] : {std::pair{"z", "a"}, {"b", "b"}, {"a", "a"}, {"c", "ab"}}) {
    api::NodeAttestation one;
    one.meta.key.name = name;
    one.node = node;
    all.push_back(Ptr(std::move(one)));
  }
  const Attestations attestations(all);
  ASSERT_EQ(attestations.Of("a").size(), 2u);
  EXPECT_EQ(attestations.Of("a")[0]->meta.key.name, "a");
  EXPECT_EQ(attestations.Of("a")[1]->meta.key.name, "z");
  EXPECT_EQ(attestations.Of("ab").size(), 1u);
  EXPECT_TRUE(attestations.Of("").empty());
  EXPECT_TRUE(Attestations().Of("a").empty());
}

// A node's reconciler looks at it with each of its changes: heartbeats that matter, its own writes, other pods.
TEST_F(AttestationBookTest, ANodesReconcilesVerifyOnce) {
  struct Answering final : kube::test::ApiWithoutWatches {
    Result<kube::Reply> Do(const Call&, std::stop_token) override {
      return kube::Reply{200, R"({"metadata":{"resourceVersion":"1000"}})"};
    }
  } api;
  SimClock clock;
  cache::Caches caches;
  kube::test::NoEvents events;
  NodeReconciler reconciler{caches, api, events, clock, metrics, book};
  auto region = Region();
  region.attestation = Digested(Policy());
  caches.regions.Put(Next(region));
  api::Node node = Node("fr-par-1");
  node.system_uuid = "uuid";
  node.machine_id = "machine";
  HostingClaim claim = Hosted();
  claim.issued_at = clock.Now();
  claim.expires_at = clock.Now() + 24h * 30;
  caches.attestations.Put(Next(Digested(Signed(Statement(claim, IdentityOf(node))))));
  const auto look = [&] {
    kube::test::FakeContext context({"", "fr-par-1"});
    return reconciler.Reconcile(context);
  };
  for (int i = 0; i < 100; ++i) {
    caches.nodes.Put(Next(node));
    ASSERT_TRUE(look());
    caches.attestations.Put(Next(*caches.attestations.List()[0]));  // its status
    ASSERT_TRUE(look());
  }
  EXPECT_EQ(verified(), 1);
  const std::string series = "rempart_attestation_expiry_timestamp_seconds{node=\"fr-par-1\"} ";
  EXPECT_NE(metrics.Expose().find(series + "1769"), std::string::npos) << metrics.Expose();
  caches.nodes.Remove({"", "fr-par-1"}, 0);
  ASSERT_TRUE(look());
  EXPECT_EQ(metrics.Expose().find(series), std::string::npos) << "a node that is gone leaves no series";
}

}  // namespace
}  // namespace rempart::perimeter
