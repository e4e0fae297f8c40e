// The parameters of a page-table walker inside a memory.
//
// Times in cycles are cycles of the DRAM's clock. Defaults and their sources:
//
// - Selecting an entry in the sense amplifiers takes tCCD_L of the DRAM, as logic beside a bank takes one column after
//   the other (Lee et al., "Hardware architecture and software stack for PIM based on commercial DRAM technology", ISCA
//   2021: one column per tCCD_L); its energy is that of moving 64 bytes from the sense amplifiers to the bank's edge,
//   1.51 pJ a bit (O'Connor et al., "Fine-grained DRAM", MICRO 2017, HBM2, before the global sense amplifiers).
// - The link from the DRAM to the host takes 0.80 pJ a bit (the same, I/O of HBM2; modules on a board take more).
// - A row-wide comparison takes 5.5 nJ per KiB (Seshadri et al., "Ambit", MICRO 2017, XNOR in the array).
// - Its time per bit, that of the sequencer per level, slots, queue, buffer, rows for tables and the time of a recall
//   are round figures without a source.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <boost/describe/enum.hpp>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"
#include "pagoda/memory/dram_config.h"
#include "pagoda/mmu/tlb_config.h"
#include "pagoda/mmu/walker_config.h"

namespace pagoda {

enum class MemoryWalkerKind : std::uint8_t {
  controller,  ///< in the memory controller: table entries come over the channel, but not over the link to the host
  array        ///< beside the cell array: entries are selected in the sense amplifiers and leave nothing on the channel
};
BOOST_DESCRIBE_ENUM(MemoryWalkerKind, controller, array)

enum class TableOrder : std::uint8_t {
  banks,  ///< tables one after the other go to different banks
  rows    ///< they fill a row before the next
};
BOOST_DESCRIBE_ENUM(TableOrder, banks, rows)

/// The rows that system software keeps for page tables, at the end of every bank.
struct TableRowsConfig {
  std::uint32_t rows = 2048;  ///< of every bank
  std::uint32_t banks = 0;    ///< so many of a channel's banks hold tables; 0: all
  TableOrder order = TableOrder::banks;
  bool everywhere = false;  ///< the walker reaches every row of its channel, else only those

  static const ConfigInfo& config_info();
};

/// Rows used as a cache of translations, searched by comparing all tags of a row at once.
struct AssociativeRowsConfig {
  std::uint32_t rows = 16;                   ///< of a channel; a page's translation can lie in one of them
  std::uint32_t tag_bits = 68;               ///< compared: 36 of the page's number, 16 of ASID and VMID each
  Latency compare_bit = Latency::cycles(1);  ///< per bit of the tag
  Energy compare_energy{5.5e-9 / 1024};      ///< per byte of the row

  static const ConfigInfo& config_info();
};

struct MemoryWalkerConfig {
  MemoryWalkerKind kind = MemoryWalkerKind::array;
  std::uint32_t slots = 16;  ///< walks at a time
  std::uint32_t queue = 32;  ///< commands taken in, those being worked on included; more wait on the link
  TableRowsConfig tables;
  std::optional<Latency> select;        ///< of an entry in the sense amplifiers; tCCD_L if not given
  Latency decode = Latency::cycles(1);  ///< of an entry, by the sequencer
  std::optional<TlbConfig> buffer = TlbConfig{.entries = 64, .ways = 4, .latency = Latency::cycles(1), .ports = 1};
  std::optional<AssociativeRowsConfig> associative;
  std::vector<WalkCacheConfig> walk_caches{};
  Latency recall = Latency::time(60'000);  ///< telling the host's caches to give up a line, without writing it back
  Energy select_energy{64 * 8 * 1.51e-12};
  Energy link_energy{8 * 0.80e-12};  ///< per byte between DRAM and host

  static const ConfigInfo& config_info();
};

/// What keeps a walker from being part of a memory, if something does.
std::optional<ConfigProblem> memory_walker_problem(const MemoryWalkerConfig& walker, const DramConfig& dram);

}  // namespace pagoda
