#include "operator/cli/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/perimeter/builders.h"

namespace rempart::cli {
namespace {

using perimeter::test::Frankfurt;
using perimeter::test::Germany;
using perimeter::test::Labelled;
using perimeter::test::Lost;
using perimeter::test::Node;
using perimeter::test::Region;
using ::testing::HasSubstr;

TEST(ExplainNode, ANodeOfTheRegion) {
  const std::string text = ExplainNode(Labelled(Node("par-1")), {Germany(), Region()});
  EXPECT_THAT(text, HasSubstr("Node par-1\n"));
  EXPECT_THAT(text, ::testing::ContainsRegex("topology.kubernetes.io/zone +fr-par-1\n"));
  EXPECT_THAT(text, ::testing::ContainsRegex("spec.providerID +kwok://par-1\n"));
  EXPECT_THAT(text, HasSubstr("Region france (FR): in\n"));
  EXPECT_THAT(text, HasSubstr("Region germany (DE): outside (UnknownLocation): "));
  EXPECT_LT(text.find("Region france"), text.find("Region germany")) << "the older first";
}

TEST(ExplainNode, ANodeThatAnOlderRegionHas) {
  auto newer = Region("newer");
  newer.meta.created += std::chrono::hours(1);
  EXPECT_THAT(ExplainNode(Node("par-1"), {newer, Region()}),
              HasSubstr("Region newer (FR): outside (ClaimedByOlderRegion): france has it\n"));
}

TEST(ExplainNode, WhatIsMissing) {
  auto node = Node("n", "", "");
  node.provider_id.clear();
  const std::string text = ExplainNode(node, {});
  EXPECT_THAT(text, ::testing::ContainsRegex("topology.kubernetes.io/region +.not set.\n"));
  EXPECT_THAT(text, HasSubstr("There is no SovereignRegion.\n"));
  EXPECT_THAT(ExplainNode(node, {Region()}), HasSubstr("outside (NoLocation): "));
}

TEST(ExplainNode, ALostNode) {
  EXPECT_THAT(ExplainNode(Lost(Frankfurt()), {Region()}), ::testing::ContainsRegex("lost to region +france since 2"));
}

TEST(ExplainNode, TextFromOutsideCannotDrawOnTheTerminal) {
  auto node = Node("n");
  node.provider_id = "x\x1b[2Jy\n" + std::string(5'000, 'z');
  const std::string text = ExplainNode(node, {Region()});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 4'000U);
}

}  // namespace
}  // namespace rempart::cli
