#include "pagoda/pim/memory_walker_config.h"

#include "pagoda/base/config_builder.h"
#include "pagoda/memory/dram_timing.h"
#include "pagoda/pim/table_rows.h"

namespace pagoda {

const ConfigInfo& TableRowsConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<TableRowsConfig>("table rows", "The rows of a DRAM that system software keeps for page tables.")
          .field("rows", &TableRowsConfig::rows, "last rows of every bank that are kept for tables; 0: none",
                 in_range(0, 1 << 30))
          .field("banks", &TableRowsConfig::banks, "banks of a channel that tables may lie in; 0: all",
                 in_range(0, 1 << 20))
          .field("order", &TableRowsConfig::order,
                 "whether tables one after the other go to different banks or fill a row before the next")
          .field("everywhere", &TableRowsConfig::everywhere,
                 "the walker reaches every row of its channel, else only those kept for tables");
  return info;
}

const ConfigInfo& AssociativeRowsConfig::config_info() {
  using T = AssociativeRowsConfig;
  static const ConfigInfo info =
      ConfigBuilder<T>("associative rows", "DRAM rows that hold translations and are searched all at once.")
          .field("rows", &T::rows, "rows of a channel", in_range(1, 65536))
          .field("tag_bits", &T::tag_bits, "bits compared", in_range(1, 128))
          .field("compare_bit", &T::compare_bit, "time per bit")
          .field("compare_energy", &T::compare_energy, "per byte of the row");
  return info;
}

const ConfigInfo& MemoryWalkerConfig::config_info() {
  using T = MemoryWalkerConfig;
  static const ConfigInfo info =
      ConfigBuilder<T>("memory walker", "A page-table walker inside a memory; cycles are those of the DRAM.")
          .field("kind", &T::kind, "in the memory controller, or beside the cell array")
          .field("slots", &T::slots, "walks at a time, per channel", in_range(1, 256))
          .field("queue", &T::queue, "commands taken in, those being worked on included; more wait on the link",
                 in_range(1, 4096))
          .field("tables", &T::tables, "where page tables lie")
          .field("select", &T::select, "array: selecting an entry in the sense amplifiers; none: tCCD_L")
          .field("decode", &T::decode, "what the sequencer takes per entry")
          .field("buffer", &T::buffer, "translations that walks have found, for later commands")
          .field("associative", &T::associative, "array: rows that are searched before a walk")
          .field("walk_caches", &T::walk_caches, "caches of upper-level entries")
          .field("recall", &T::recall, "telling the host's caches to give up a line, without writing it back")
          .field("select_energy", &T::select_energy, "of a selection in the sense amplifiers")
          .field("link_energy", &T::link_energy, "per byte between DRAM and host")
          .check([](const T& c) -> std::optional<ConfigProblem> {
            if (c.queue < c.slots) {
              return ConfigProblem{"queue", "is smaller than `slots`", "allowed: at least as many as slots"};
            }
            if (c.associative && c.kind != MemoryWalkerKind::array) {
              return ConfigProblem{"associative", "wants a walker in the array", "allowed: only with kind: array"};
            }
            return std::nullopt;
          });
  return info;
}

std::optional<ConfigProblem> memory_walker_problem(const MemoryWalkerConfig& walker, const DramConfig& dram) {
  if (auto problem = TableRows::problem(walker, dram)) return problem;
  if (walker.kind != MemoryWalkerKind::array) return std::nullopt;
  const Ps period = dram.timings.t_ck.ps;
  const Ps select = walker.select.value_or(dram.timings.t_ccd_l).at(period);
  const Ps compare = walker.associative ? walker.associative->compare_bit.at(period) * walker.associative->tag_bits : 0;
  const Ps longest = DramTiming(dram).longest_hold();
  if (select + compare > longest) {
    return ConfigProblem{walker.associative ? "associative.compare_bit" : "select",
                         "a row would be needed for longer than refresh leaves it",
                         fmt::format("allowed: {} in all", to_string(Duration{longest}))};
  }
  return std::nullopt;
}

}  // namespace pagoda
