#include <limits>

#include <boost/describe/enum.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pagoda/base/config_builder.h"

namespace pagoda::config_test {

using testing::HasSubstr;

enum class Policy { lru, random };
BOOST_DESCRIBE_ENUM(Policy, lru, random)

struct Part {
  std::uint64_t entries = 64;
  std::uint64_t ways = 4;
  Latency latency = Latency::cycles(1);
  static const ConfigInfo& config_info();
};

const ConfigInfo& Part::config_info() {
  static const ConfigInfo info = ConfigBuilder<Part>("part", "a part")
                                     .field("entries", &Part::entries, "how many", in_range(1, 4096))
                                     .field("ways", &Part::ways, "associativity", in_range(1, 64))
                                     .field("latency", &Part::latency, "how long")
                                     .check([](const Part& p) -> std::optional<ConfigProblem> {
                                       if (p.entries % p.ways != 0)
                                         return ConfigProblem{"ways", "must divide entries", "1, 2, 4 ..."};
                                       return std::nullopt;
                                     });
  return info;
}

struct Whole {
  std::string title = "untitled";
  Frequency clock{2'000'000'000};
  Policy policy = Policy::lru;
  bool fast = false;
  double share = 0.5;
  std::string preset = "a";
  Part tlb{.entries = 32};
  std::optional<Part> extra;
  std::vector<Part> parts;
  std::vector<Bytes> sizes;
  static const ConfigInfo& config_info();
};

const ConfigInfo& Whole::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<Whole>("whole", "the whole")
          .field("title", &Whole::title, "a name")
          .required()
          .field("clock", &Whole::clock, "clock", in_range(Frequency{1'000'000}, Frequency{10'000'000'000}))
          .field("policy", &Whole::policy, "replacement")
          .field("fast", &Whole::fast, "hurry")
          .field("share", &Whole::share, "a share", in_range(0.0, 1.0))
          .field("preset", &Whole::preset, "a preset", ConfigChoices{{"a", "b"}})
          .field("tlb", &Whole::tlb, "the TLB")
          .field("extra", &Whole::extra, "another part")
          .field("parts", &Whole::parts, "more parts")
          .field("sizes", &Whole::sizes, "sizes", in_range(Bytes{1}, Bytes{1 << 20}));
  return info;
}

Whole bind(const std::string& yaml) {
  Whole whole;
  bind_config(parse_yaml(yaml, "p.yaml"), whole);
  return whole;
}

std::string error_of(const std::string& yaml) {
  try {
    bind(yaml);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Config, BindsEveryKindOfMemberAndKeepsDefaults) {
  const Whole w = bind(R"(
title: "a: title"
clock: 3 GHz
policy: random
fast: true
share: 0.25
tlb: {ways: 8}
extra: {entries: 8, ways: 1, latency: 2 ns}
parts:
  - {entries: 16}
  - {}
sizes: [4 KiB, 64 B]
)");
  EXPECT_EQ(w.title, "a: title");
  EXPECT_EQ(w.clock.hz, 3'000'000'000u);
  EXPECT_EQ(w.policy, Policy::random);
  EXPECT_TRUE(w.fast);
  EXPECT_EQ(w.share, 0.25);
  EXPECT_EQ(w.tlb.entries, 32u) << "the default of the enclosing struct, not of Part";
  EXPECT_EQ(w.tlb.ways, 8u);
  ASSERT_TRUE(w.extra);
  EXPECT_EQ(w.extra->latency, Latency::time(2000));
  ASSERT_EQ(w.parts.size(), 2u);
  EXPECT_EQ(w.parts[1].entries, 64u);
  EXPECT_THAT(w.sizes, testing::ElementsAre(Bytes{4096}, Bytes{64}));
}

TEST(Config, EveryMistakeNamesFileLinePathProblemAndWhatIsAllowed) {
  EXPECT_EQ(error_of("title: x\ntlb:\n  entires: 3\n"),
            "p.yaml:3: tlb.entires: unknown key (did you mean `entries`?); allowed: entries, ways, latency");
  EXPECT_EQ(error_of("title: x\nclock: 3\n"),
            "p.yaml:2: clock: `3` cannot be read; allowed: a frequency (2 GHz), 1 MHz to 10 GHz");
  EXPECT_EQ(error_of("title: x\nclock: 30 GHz\n"),
            "p.yaml:2: clock: 30 GHz is out of range; allowed: a frequency (2 GHz), 1 MHz to 10 GHz");
  EXPECT_EQ(error_of("title: x\nparts:\n  - {entries: 8}\n  - entries: 9\n    ways: 2\n"),
            "p.yaml:5: parts.1.ways: must divide entries; 1, 2, 4 ...");
  EXPECT_EQ(error_of("title: x\npolicy: lur\n"),
            "p.yaml:2: policy: `lur` is not known (did you mean `lru`?); allowed: one of lru, random");
  EXPECT_THAT(error_of("clock: 1 GHz\n"), HasSubstr("title: must be given"));
  EXPECT_THAT(error_of("title: x\ntlb: 5\n"), HasSubstr("p.yaml:2: tlb: a map is expected"));
  EXPECT_THAT(error_of("title: x\nparts: 5\n"), HasSubstr("p.yaml:2: parts: a list is expected"));
  EXPECT_THAT(error_of("title: [1]\n"), HasSubstr("title: a list or map is written here"));
  EXPECT_THAT(error_of("title: x\nshare: 1.5\n"), HasSubstr("share: 1.5 is out of range"));
  EXPECT_THAT(error_of("title: x\nshare: nan\n"), HasSubstr("share: `nan` cannot be read"));
  EXPECT_THAT(error_of("title: x\npreset: c\n"), HasSubstr("allowed: one of a, b"));
  EXPECT_THAT(error_of("title: x\ntitle: y\n"), HasSubstr("p.yaml:2: title: this key stands here twice"));
  EXPECT_THAT(error_of("title: [x\n"), HasSubstr("not valid YAML"));
  EXPECT_THAT(error_of("title: x\n--- \ntitle: y\n"), HasSubstr("p.yaml:2: a second YAML document starts here"));
  EXPECT_THAT(error_of("- 1\n"), HasSubstr("a map is expected"));
  EXPECT_THAT(error_of("title: x\ntlb: {entries: -1}\n"), HasSubstr("`-1` cannot be read"));
  EXPECT_THAT(error_of("title: x\ntlb: {entries: 99999999999999999999999}\n"), HasSubstr("cannot be read"));
}

TEST(Config, HostileYamlIsRefusedNotExpanded) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j != 0 ? ",*a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  EXPECT_THROW(parse_yaml(bomb, "bomb.yaml"), UserError);
  EXPECT_THROW(parse_yaml("a: &x [*x]\n", "loop.yaml"), UserError);
  EXPECT_THROW(parse_yaml(std::string(100'000, '['), "deep.yaml"), UserError);
}

// yaml-cpp's own loader of several documents never comes back from this one.
TEST(Config, TextThatStartsWithACommaIsRefused) {
  EXPECT_THAT(error_of(",title: x\n"), HasSubstr("p.yaml:1: "));
  EXPECT_THAT(error_of("title: x\n---\n,title: y\n"), HasSubstr("p.yaml:2: "));
}

TEST(Config, AResolvedConfigBindsToTheSameValues) {
  const Whole w = bind("title: 'yes'\nclock: 2.5 GHz\nextra: {entries: 8}\nparts: [{ways: 2}]\nsizes: [1 KiB]\n");
  const std::string yaml = to_yaml(to_node(w));
  const Whole again = bind(yaml);
  EXPECT_EQ(to_yaml(to_node(again)), yaml);
  EXPECT_EQ(again.title, "yes");
  EXPECT_EQ(again.extra->entries, 8u);
  EXPECT_EQ(again.parts[0].ways, 2u);
}

TEST(Config, PathsSetValuesInMapsAndLists) {
  ConfigNode root = parse_yaml("title: x\nparts: [{entries: 8}, {entries: 16}]\n", "p.yaml");
  const SourceLocation cli{"--set", 0};
  set_path(root, "tlb.entries", ConfigNode::of_scalar("128", cli), cli);
  set_path(root, "parts.1.ways", ConfigNode::of_scalar("2", cli), cli);
  set_path(root, "parts.*.latency", ConfigNode::of_scalar("9 cycles", cli), cli);
  set_path(root, "parts.entries", ConfigNode::of_scalar("32", cli), cli);
  Whole w;
  bind_config(root, w);
  EXPECT_EQ(w.tlb.entries, 128u);
  EXPECT_EQ(w.parts[0].ways, 4u);
  EXPECT_EQ(w.parts[1].ways, 2u);
  EXPECT_EQ(w.parts[0].latency, Latency::cycles(9));
  EXPECT_EQ(w.parts[1].entries, 32u);

  const ConfigNode one = ConfigNode::of_scalar("1", cli);
  EXPECT_THROW(set_path(root, "parts.7.ways", one, cli), UserError);
  EXPECT_THROW(set_path(root, "title.below", one, cli), UserError);
  EXPECT_THROW(set_path(root, "tlb..entries", one, cli), UserError);
  EXPECT_THROW(set_path(root, "", one, cli), UserError);
}

TEST(Config, PathsIntoAListThatIsNotThereAreRefused) {
  const SourceLocation cli{"--set", 0};
  const auto error = [&](const std::string& yaml, const std::string& path) -> std::string {
    ConfigNode root = parse_yaml(yaml, "p.yaml");
    try {
      set_path(root, path, ConfigNode::of_scalar("1", cli), cli);
    } catch (const UserError& refused) {
      return refused.what();
    }
    return "no error";
  };
  const std::string no_list =
      " picks items of a list, and the file writes no list here; write the list in the file, then change its items";
  EXPECT_EQ(error("title: x\n", "parts.0.ways"), "--set: parts.0.ways: `0`" + no_list);
  EXPECT_EQ(error("title: x\n", "parts.*.ways"), "--set: parts.*.ways: `*`" + no_list);
  EXPECT_EQ(error("title: x\n", "parts.*"), "--set: parts.*: `*`" + no_list);
  EXPECT_EQ(error("parts:\n", "parts.12.ways"), "--set: parts.12.ways: `12`" + no_list);
  EXPECT_EQ(error("parts: {ways: 2}\n", "parts.0.ways"), "--set: parts.0.ways: `0`" + no_list);
  EXPECT_EQ(error("", "*"), "--set: *: `*`" + no_list);
  EXPECT_EQ(error("parts: 3\n", "parts.0.ways"), "--set: parts.0.ways: `3` is a value and has no `0` below it");
  EXPECT_EQ(error("parts: []\n", "parts.0.ways"),
            "--set: parts.0.ways: there is no item 0; the list has 0 (0 is the first)");
  EXPECT_EQ(error("parts: []\n", "parts.*.ways"), "--set: parts.*.ways: `*` would change nothing: the list is empty");
  EXPECT_EQ(error("parts: []\n", "parts.ways"), "--set: parts.ways: `ways` would change nothing: the list is empty");
  EXPECT_EQ(error("parts: [{}]\n", "parts.*.ways"), "no error");
  EXPECT_EQ(error("parts: [{}]\n", "parts.1.ways"),
            "--set: parts.1.ways: there is no item 1; the list has 1 (0 is the first)");
}

TEST(Config, AProgramsOwnConfigIsCheckedToo) {
  EXPECT_NO_THROW(validated(Part{}));
  EXPECT_THROW(validated(Part{.entries = 0}), UserError);
  EXPECT_THROW(validated(Part{.entries = 9, .ways = 2}, "cpu0.dtlb"), UserError);
  EXPECT_THROW(validated(Whole{.share = std::numeric_limits<double>::quiet_NaN()}), UserError);
}

TEST(Config, DescribeSchemaAndReferenceNameEveryKey) {
  const ConfigInfo& info = Whole::config_info();
  EXPECT_THAT(describe_config(info, ""), HasSubstr("clock"));
  EXPECT_THAT(describe_config(info, "tlb"), HasSubstr("how many"));
  EXPECT_THAT(describe_config(info, "parts.0.latency"), HasSubstr("how long"));
  EXPECT_THROW(describe_config(info, "tlb.foo"), UserError);
  EXPECT_THROW(describe_config(info, "title.foo"), UserError);

  const auto schema = nlohmann::json::parse(config_json_schema(info, "test"));
  EXPECT_EQ(schema["properties"]["policy"]["enum"], nlohmann::json::parse(R"(["lru","random"])"));
  EXPECT_EQ(schema["properties"]["tlb"]["$ref"], "#/$defs/part");
  EXPECT_EQ(schema["$defs"]["part"]["properties"]["entries"]["maximum"], 4096);
  EXPECT_EQ(schema["required"][0], "title");
  EXPECT_FALSE(schema["additionalProperties"]);

  const std::string reference = config_reference(info);
  for (const char* key : {"`title`", "`parts`", "`entries`", "### part", "required"}) {
    EXPECT_THAT(reference, HasSubstr(key));
  }
}

TEST(ConfigNode, AMergeKeyAddsWhatAMapDoesNotHaveOfItsOwn) {
  const ConfigNode node = parse_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3, z: 4}\n", "test.yaml");
  const ConfigNode& b = *node.find("b");
  EXPECT_EQ(b.members.size(), 3u);
  EXPECT_EQ(b.find("x")->scalar, "1");
  EXPECT_EQ(b.find("y")->scalar, "3");
  EXPECT_EQ(b.find("z")->scalar, "4");
  EXPECT_THROW(parse_yaml("b: {<<: 7}", "test.yaml"), UserError);
}

}  // namespace pagoda::config_test
