#include "pagoda/paging/conformance/replay.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace pagoda {
namespace {

/// The walk itself.
class WalkUnderTest final : public CpuUnderTest {
 public:
  CpuTranslation translate(std::span<const Stage> stages, const WalkRequest& request, VectorMemory& memory) override {
    Walk walk(stages, request);
    const bool done = run_walk(walk, memory);
    return {.done = done,
            .output = done ? walk.translation().output : 0,
            .fault = done ? Fault{} : walk.fault(),
            .reads = memory.reads()};
  }
};

std::string list_updates(std::span<const VectorUpdate> updates) {
  std::string text = "[";
  for (const VectorUpdate& update : updates) {
    text += fmt::format("{}{:x} {:x} {:x}", text.size() > 1 ? ", " : "", update.address, update.before, update.after);
  }
  return text + "]";
}

const VectorKind& kind_of(VectorReader& reader, std::span<const VectorKind> kinds) {
  std::string allowed;
  for (const VectorKind& kind : kinds) {
    allowed += fmt::format("{}`# {}`", allowed.empty() ? "the first line is one of " : ", ", kind.name);
  }
  if (!reader.next_line()) reader.refuse("the file is empty", allowed);
  std::string_view line = reader.line();
  if (line.starts_with("# ")) line.remove_prefix(2);
  const auto found =
      std::find_if(kinds.begin(), kinds.end(), [&](const VectorKind& kind) { return kind.name == line; });
  if (found == kinds.end()) reader.refuse("this is no vector file of a known kind", allowed);
  return *found;
}

Addr word_address(VectorReader& reader) {
  const Addr address = reader.hex("addr");
  if (address % kEntryBytes != 0) reader.refuse("addr is not a word's", "a multiple of 8");
  return address;
}

// M and the X records; false if `tag` is none of them.
bool memory_record(std::string_view tag, VectorReader& reader, VectorMemory& memory) {
  if (tag == "M") {
    const Addr address = word_address(reader);
    memory.set(address, reader.hex("value"));
  } else if (tag == "XR") {
    memory.deny(word_address(reader), VectorMemory::kNoRead);
  } else if (tag == "XW") {
    memory.deny(word_address(reader), VectorMemory::kNoWrite);
  } else if (tag == "XP") {
    memory.deny(word_address(reader), VectorMemory::kPoison);
  } else {
    return false;
  }
  return true;
}

}  // namespace

void VectorVerdict::add(std::string_view field, const std::string& expected, const std::string& got) {
  text_ += fmt::format("{}{} expected {} got {}", text_.empty() ? "" : ", ", field, expected, got);
}

void VectorVerdict::hex(std::string_view field, std::uint64_t expected, std::uint64_t got) {
  if (expected != got) add(field, fmt::format("{:x}", expected), fmt::format("{:x}", got));
}

void VectorVerdict::dec(std::string_view field, std::uint64_t expected, std::uint64_t got) {
  if (expected != got) add(field, std::to_string(expected), std::to_string(got));
}

void VectorVerdict::updates(std::span<const VectorUpdate> expected, std::span<const VectorUpdate> got,
                            bool list_is_complete) {
  const bool enough = list_is_complete ? got.size() == expected.size() : got.size() >= expected.size();
  if (!enough || !std::equal(expected.begin(), expected.end(), got.begin())) {
    add("updates", list_updates(expected), list_updates(got));
  }
}

bool VectorReplayer::record(std::string_view /*tag*/, VectorReader& /*reader*/, VectorMemory& /*memory*/) {
  return false;
}

std::vector<VectorKind> cpu_vector_kinds(const MakeCpu& make) {
  return {{"riscv-mmu vectors v1", "S, R, M, XR, XW, XP, Q", [make] { return make_riscv_mmu_replayer(make()); }},
          {"x86-64 vectors v1", "S, M, XR, XW, XP, Q", [make] { return make_x86_64_replayer(make()); }}};
}

std::span<const VectorKind> cpu_vector_kinds() {
  static const std::vector<VectorKind> kinds = cpu_vector_kinds([] { return std::make_unique<WalkUnderTest>(); });
  return kinds;
}

std::vector<VectorUpdate> take_updates(VectorReader& reader, std::uint64_t longest_list) {
  const std::uint64_t count = reader.dec("nup", longest_list);
  std::vector<VectorUpdate> updates;
  for (std::uint64_t i = 0; i < count; ++i) {
    VectorUpdate& update = updates.emplace_back();
    update.address = reader.hex("update's addr");
    update.before = reader.hex("update's old");
    update.after = reader.hex("update's new");
  }
  reader.end_of_line();
  return updates;
}

ReplaySummary replay_vectors(std::istream& input, const std::string& name, std::span<const VectorKind> kinds,
                             const MismatchSink& mismatch) {
  VectorReader reader(input, name);
  const VectorKind& kind = kind_of(reader, kinds);
  const std::unique_ptr<VectorReplayer> replayer = kind.make();
  VectorMemory memory;
  ReplaySummary summary;
  bool in_section = false;
  while (reader.next_line()) {
    const std::string_view tag = reader.word("tag");
    if (tag == "S") {
      memory.reset();
      in_section = true;
      reader.dec("n", std::numeric_limits<std::uint64_t>::max());
      replayer->section(reader);
    } else if (!in_section) {
      reader.refuse("a record before the first section", "a line `S ...` first");
    } else if (tag == "Q") {
      const std::uint64_t index = reader.dec("idx", std::numeric_limits<std::uint64_t>::max());
      VectorVerdict verdict;
      replayer->request(reader, memory, verdict);
      memory.undo();
      ++(verdict.agrees() ? summary.passed : summary.failed);
      if (verdict.agrees() && !verdict.departure().empty()) ++summary.departures[verdict.departure()];
      if (!verdict.agrees()) {
        mismatch(fmt::format("{}:{}: Q {}: {}", name, reader.line_number(), index, verdict.text()));
      }
    } else if (!memory_record(tag, reader, memory) && !replayer->record(tag, reader, memory)) {
      reader.refuse("an unknown record", fmt::format("one of {}", kind.records));
    }
    reader.end_of_line();
  }
  if (summary.passed + summary.failed == 0) reader.refuse("the file holds no request", "at least one line `Q ...`");
  return summary;
}

}  // namespace pagoda
