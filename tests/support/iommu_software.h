// What software lays out in memory for a RISC-V IOMMU: device and process directories, contexts, page tables of both
// stages, in the host's memory or a guest's. RISC-V IOMMU 1.0, chapter "Data Structures".
#pragma once

#include <string_view>

#include <gtest/gtest.h>

#include "pagoda/iommu/device_context.h"
#include "pagoda/paging/page_table_editor.h"

namespace pagoda::testing {

inline constexpr Rights kEveryRight = kPermissions | kFlags;

/// iosatp and iohgatp: MODE, and for the latter GSCID, and where the root is.
inline std::uint64_t table_field(const Stage& stage, std::uint32_t gscid = 0) {
  if (stage.format == nullptr) return 0;
  constexpr unsigned kThreeLevels = 8;
  return std::uint64_t{kThreeLevels + stage.format->levels - 3} << 60 | std::uint64_t{gscid} << 44 | stage.root >> 12;
}

/// Somewhere that tables can be laid out.
struct TableSpace {
  ByteStore& store;
  FrameSource& frames;

  Addr zeroed(std::uint64_t bytes = 4096) const {
    const Addr address = frames.allocate(bytes).value();
    store.clear(address, bytes);
    return address;
  }
  Stage make_stage(std::string_view format) const {
    Stage stage{.format = find_page_format(format)};
    stage.controls.riscv = {.svnapot = true, .svrsw60t59b = true, .pbmte = true};
    stage.root = PageTableEditor::make_root(*stage.format, store, frames).value();
    return stage;
  }
  void map(const Stage& stage, Addr input, const Mapping& mapping) const {
    ASSERT_EQ(PageTableEditor(stage, store, frames).map(input, mapping), EditStatus::ok) << std::hex << input;
  }
  /// Where the leaf of an address is.
  Addr leaf(const Stage& stage, Addr input) const {
    return PageTableEditor(stage, store, frames).find(input)->leaf_address;
  }

  /// The table that the entry at `entry` points to, made if need be: V in bit 0, PPN from bit 10 on.
  Addr follow(Addr entry) const {
    if (store.read(entry) == 0) store.write(entry, zeroed() >> 2 | 1);
    return store.read(entry) >> 10 << 12;
  }
};

/// A process directory of 1 to 3 levels: PD8, PD17, PD20.
class ProcessDirectory {
 public:
  ProcessDirectory(TableSpace space, unsigned levels) : space_(space), levels_(levels), root_(space.zeroed()) {}

  std::uint64_t pdtp() const { return std::uint64_t{levels_} << 60 | root_ >> 12; }
  void put(std::uint32_t process, const ProcessContext& context) {
    Addr table = root_;
    if (levels_ == 3) table = space_.follow(table + (process >> 17) * 8);
    if (levels_ >= 2) table = space_.follow(table + (process >> 8 & 0x1ff) * 8);
    space_.store.write(table + (process & 0xff) * 16, context.ta);
    space_.store.write(table + (process & 0xff) * 16 + 8, context.fsc);
  }

 private:
  TableSpace space_;
  unsigned levels_;
  Addr root_;
};

/// A device directory of 1 to 3 levels, with contexts in the extended format or the base one.
class DeviceDirectoryTables {
 public:
  DeviceDirectoryTables(TableSpace space, unsigned levels, bool extended = true)
      : space_(space), levels_(levels), leaf_bits_(extended ? 6 : 7), root_(space.zeroed()) {}

  std::uint64_t ddtp() const { return root_ >> 2 | (levels_ + 1); }
  Addr place(std::uint32_t device) {
    Addr table = root_;
    if (levels_ == 3) table = space_.follow(table + (device >> (leaf_bits_ + 9)) * 8);
    if (levels_ >= 2) table = space_.follow(table + (device >> leaf_bits_ & 0x1ff) * 8);
    return table + (device & ((1u << leaf_bits_) - 1)) * (4096 >> leaf_bits_);
  }
  void put(std::uint32_t device, const DeviceContext& context) {
    const std::array<std::uint64_t, 8> words{context.tc,
                                             context.iohgatp,
                                             context.ta,
                                             context.fsc,
                                             context.msiptp,
                                             context.msi_addr_mask,
                                             context.msi_addr_pattern,
                                             context.reserved};
    const Addr at = place(device);
    for (unsigned i = 0; i < (4096u >> leaf_bits_) / 8; ++i) space_.store.write(at + i * 8, words[i]);
  }

 private:
  TableSpace space_;
  unsigned levels_;
  unsigned leaf_bits_;
  Addr root_;
};

/// A guest's memory as the guest sees it: lies `kOffset` higher in the host's, through a second stage of base pages.
class Guest final : public ByteStore, public FrameSource {
 public:
  static constexpr Addr kOffset = 0x10'0000;

  Guest(TableSpace host, std::string_view format, Addr begin, Addr end)
      : stage(host.make_stage(format)), host_(host), frames_(begin, end) {}

  Stage stage;

  TableSpace space() { return {*this, *this}; }
  std::uint64_t read(Addr address) override { return host_.store.read(address + kOffset); }
  void write(Addr address, std::uint64_t value) override { host_.store.write(address + kOffset, value); }
  std::optional<Addr> allocate(std::uint64_t bytes) override {
    const auto start = frames_.allocate(bytes);
    for (Addr page = *start; page < *start + bytes; page += 4096) {
      host_.map(stage, page, {.output = page + kOffset, .rights = kEveryRight});
    }
    return start;
  }
  void release(Addr address, std::uint64_t bytes) override { frames_.release(address, bytes); }

 private:
  TableSpace host_;
  BumpFrames frames_;
};

}  // namespace pagoda::testing
