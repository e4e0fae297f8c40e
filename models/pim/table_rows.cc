#include "pagoda/pim/table_rows.h"

#include <algorithm>

#include <fmt/format.h>

#include "pagoda/paging/page_format.h"

namespace pagoda {
namespace {

std::uint32_t banks_of(const DramOrganisation& o) { return o.ranks * o.bank_groups * o.banks; }

std::uint32_t chosen_banks(const MemoryWalkerConfig& walker, const DramOrganisation& organisation) {
  return walker.tables.banks == 0 ? banks_of(organisation) : walker.tables.banks;
}

/// Rows at the end of a bank that are searched; the channel's go to its banks in turn.
std::uint32_t associative_rows_of_bank(const MemoryWalkerConfig& walker, const DramOrganisation& organisation) {
  if (!walker.associative) return 0;
  const std::uint32_t banks = chosen_banks(walker, organisation);
  return (walker.associative->rows + banks - 1) / banks;
}

/// Whether all of the frame at `offset` lies in the channel and in banks below `banks`. Every address bit inverts some
/// bits of the place, so one look for each bit is enough.
bool lies_in(const DramAddressMap& map, Addr offset, std::uint32_t channel, std::uint32_t banks) {
  const DramAddressMap::Place first = map.place(offset);
  if (first.channel != channel) return false;
  std::uint32_t highest = first.bank;
  for (Addr bit = Addr{1} << map.burst_shift(); bit < kPageBytes; bit <<= 1) {
    const DramAddressMap::Place place = map.place(offset | bit);
    if (place.channel != channel) return false;
    highest |= place.bank;
  }
  return highest < banks;
}

}  // namespace

/// The frames of one channel: handed out in order, or bank after bank in turn; the runs of wide roots from the end.
class TableRows::ChannelFrames final : public FrameSource {
 public:
  ChannelFrames(const TableRows& rows, std::uint32_t channel, TableOrder order)
      : rows_(rows), channel_(channel), order_(order) {}

  std::optional<Addr> allocate(std::uint64_t bytes) override {
    if (turns_.empty()) sort();
    return bytes == kPageBytes ? next_frame() : next_run(bytes);
  }

  void release(Addr address, std::uint64_t bytes) override {
    for (Addr frame = address; frame < address + bytes; frame += kPageBytes) {
      used_[index(frame)] = false;
      turns_[turn_of(frame)].push_back(frame);
    }
  }

 private:
  std::size_t index(Addr frame) const { return static_cast<std::size_t>((frame - rows_.begin_) / kPageBytes); }
  std::size_t turn_of(Addr frame) const {
    return order_ == TableOrder::rows ? 0 : rows_.map_.place(frame - rows_.base_).bank;
  }
  bool usable(Addr frame) const {
    const Addr offset = frame - rows_.base_;
    return rows_.map_.place(offset).row < rows_.end_row_ && lies_in(rows_.map_, offset, channel_, rows_.banks_);
  }

  // The last frame of each turn is the next one.
  void sort() {
    turns_.resize(order_ == TableOrder::rows ? 1 : rows_.banks_);
    used_.assign(index(rows_.end()), true);
    for (Addr frame = rows_.end() - kPageBytes; frame + kPageBytes > rows_.begin_; frame -= kPageBytes) {
      if (!usable(frame)) continue;
      used_[index(frame)] = false;
      turns_[turn_of(frame)].push_back(frame);
    }
  }

  std::optional<Addr> next_frame() {
    for (std::size_t tries = 0; tries < turns_.size(); ++tries) {
      std::vector<Addr>& frames = turns_[next_turn_];
      next_turn_ = (next_turn_ + 1) % turns_.size();
      while (!frames.empty()) {
        const Addr frame = frames.back();
        frames.pop_back();
        if (used_[index(frame)]) continue;  // as part of a run
        used_[index(frame)] = true;
        return frame;
      }
    }
    return {};
  }

  std::optional<Addr> next_run(std::uint64_t bytes) {
    const auto frames = static_cast<std::ptrdiff_t>(bytes / kPageBytes);
    for (Addr run = (rows_.end() - bytes) & ~(bytes - 1); run >= rows_.begin_; run -= bytes) {
      const auto first = used_.begin() + static_cast<std::ptrdiff_t>(index(run));
      if (std::find(first, first + frames, true) != first + frames) continue;
      std::fill(first, first + frames, true);
      return run;
    }
    return {};
  }

  const TableRows& rows_;
  std::uint32_t channel_;
  TableOrder order_;
  std::vector<std::vector<Addr>> turns_;
  std::vector<bool> used_;  // or not for tables
  std::size_t next_turn_ = 0;
};

TableRows::TableRows(const MemoryWalkerConfig& walker, const DramConfig& dram, const DramAddressMap& map, Addr base)
    : map_(map),
      base_(base),
      size_(capacity_bytes(dram.organisation)),
      rows_(dram.organisation.rows),
      first_row_(rows_ - walker.tables.rows),
      end_row_(rows_ - associative_rows_of_bank(walker, dram.organisation)),
      banks_(chosen_banks(walker, dram.organisation)),
      row_bytes_(dram.organisation.columns * dram.organisation.bus_width / 8),
      burst_bytes_(static_cast<std::uint32_t>(burst_bytes(dram.organisation))),
      everywhere_(walker.tables.everywhere),
      begin_(base + size_ / rows_ * first_row_) {
  for (std::uint32_t channel = 0; channel < dram.organisation.channels; ++channel) {
    frames_.push_back(std::make_unique<ChannelFrames>(*this, channel, walker.tables.order));
  }
}

TableRows::~TableRows() = default;

FrameSource& TableRows::frames(std::uint32_t channel) { return *frames_[channel]; }

std::optional<ConfigProblem> TableRows::problem(const MemoryWalkerConfig& walker, const DramConfig& dram) {
  const DramOrganisation& organisation = dram.organisation;
  const std::uint32_t associative = associative_rows_of_bank(walker, organisation);
  if (walker.tables.banks > banks_of(organisation)) {
    return ConfigProblem{"tables.banks", "there are not so many banks in a channel",
                         fmt::format("allowed: at most {}", banks_of(organisation))};
  }
  if (walker.tables.rows >= organisation.rows) {
    return ConfigProblem{"tables.rows", "leaves no row of a bank for anything else",
                         fmt::format("allowed: fewer than {}", organisation.rows)};
  }
  if (associative > 0 && associative >= walker.tables.rows) {
    return ConfigProblem{"associative.rows", "leaves no row for tables",
                         fmt::format("allowed: fewer than tables.rows times banks, {}",
                                     walker.tables.rows * chosen_banks(walker, organisation))};
  }
  if (walker.tables.rows == 0) {
    if (walker.tables.everywhere || walker.kind == MemoryWalkerKind::controller) return std::nullopt;
    return ConfigProblem{"tables.rows", "leaves the walker nothing that it reaches",
                         "allowed: 1 or more, or tables.everywhere: true"};
  }
  const std::string_view mapping = organisation.mapping;
  if (!mapping.starts_with("row:") || mapping.find("row", 1) != std::string_view::npos) {
    return ConfigProblem{"tables.rows", "the last rows of the banks are not the end of memory",
                         "allowed: a dram.organisation.mapping that begins with `row:` and has no other part of it"};
  }
  const DramAddressMap map(organisation);
  const std::uint64_t frames = capacity_bytes(organisation) / organisation.rows / kPageBytes;
  for (std::uint32_t channel = 0; channel < organisation.channels; ++channel) {
    std::uint64_t frame = 0;
    while (frame < frames && !lies_in(map, frame * kPageBytes, channel, chosen_banks(walker, organisation))) ++frame;
    if (frame < frames) continue;
    return ConfigProblem{"tables.banks", "no frame of 4 KiB lies in these banks of one channel alone",
                         "allowed: more banks, or a dram.organisation.mapping with channel and bank above 4 KiB"};
  }
  return std::nullopt;
}

Addr TableRows::associative_entry(std::uint32_t channel, std::uint32_t row, std::uint32_t index) const {
  DramAddress where = map_.bank_address(row % banks_);
  where.channel = channel;
  where.row = end_row_ + row / banks_;
  const std::uint32_t byte = index * kEntryBytes;
  where.column = byte / burst_bytes_;
  return base_ + map_.encode(where) + byte % burst_bytes_;
}

}  // namespace pagoda
