// Flash as a storage medium: a controller with a write buffer, channels of dies, and a translation layer.
//
// Models: units of 4 KiB (or a page, if that is less) mapped anywhere (flash_translation.h); a read senses each page it
// needs, those in the write buffer come from there; a write is safe when the buffer, which survives a loss of power, has
// it; units gather in pages, which dies program in turn, and leave the buffer when that is done; a part of a unit is
// written by reading the rest; a die with few free blocks collects, so many pages for each that the host writes that the
// block is free in time, or at once if hardly one is left; contents lie where the translation layer has put them.
// Devices that write in place (3D XPoint) have no translation, no buffer and nothing to collect. Timing of dies and
// channels: flash_die.h. Does not model: a cache of reads, error correction that takes longer, read disturb, refresh, the
// translation table's own traffic. Units being collected are read where they lie until they have been written.
//
// Time of a lone read of n bytes in one page: controller + read + (command + n on the channel) + n at the controller's
// rate. A lone write: n at the controller's rate + controller. In place: that + (command + n on the channel) + program.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "pagoda/devices/flash_die.h"
#include "pagoda/devices/flash_translation.h"
#include "pagoda/devices/storage_medium.h"
#include "pagoda/interconnect/serial_lane.h"
#include "pagoda/memory/physical_memory.h"

namespace pagoda {

class FlashMedium final : public StorageMedium {
 public:
  explicit FlashMedium(const MediumConfig& config);

  const FlashTranslation& translation() const { return translation_; }
  void peek(std::uint64_t first_block, std::span<unsigned char> to) const override;
  void poke(std::uint64_t first_block, std::span<const unsigned char> from) override;
  Ps work_until(Ps now) override;

 private:
  // When something is done; without a clock, contents alone change.
  struct Clock {
    bool runs;
    Ps floor = 0;
    Ps at = 0;
  };
  // A page that is being put together in the buffer.
  struct Gathering {
    std::uint64_t page;  // its first unit
    std::uint32_t die;
    std::uint32_t units = 0;
    std::uint32_t buffered = 0;  // of these
    Ps ready = 0;
  };
  struct Collection {
    std::optional<std::uint64_t> victim;
    std::uint64_t next_unit = 0;
    std::uint64_t steps = 0;           // pages to look at for each that the host writes
    std::vector<std::uint64_t> units;  // read, and not written yet
  };
  // A part of a unit that a command is about.
  struct Part {
    std::uint64_t unit;
    std::uint64_t offset;  // in the unit
    std::uint64_t bytes;
    std::uint64_t position;  // in the command's data
  };

  MediumAnswer read_blocks(const MediumRequest& request, std::span<unsigned char> to) override;
  MediumAnswer write_blocks(const MediumRequest& request, std::span<const unsigned char> from) override;
  MediumAnswer discard_blocks(const MediumRequest& request) override;
  double busy_share(Ps elapsed) const override;
  void visit_own_stats(StatVisitor& visitor, Ps elapsed) override;
  void visit_own_probes(ProbeVisitor& visitor) override;

  template <class Function>
  void for_each_part(std::uint64_t first_block, std::uint64_t bytes, Function function) const;
  std::optional<std::uint64_t> find(std::uint64_t unit) const;
  std::uint32_t die_of(std::uint64_t physical) const;
  unsigned char* bytes_of(std::uint64_t physical) { return contents_.data(physical * unit_bytes_); }
  const unsigned char* bytes_of(std::uint64_t physical) const { return contents_.data(physical * unit_bytes_); }

  bool in_buffer(std::uint64_t physical, Ps at, Ps floor);
  std::optional<Ps> write_part(const Part& part, std::span<const unsigned char> from, Clock clock);
  Ps write_in_place(const Part& part, std::span<const unsigned char> from, const Clock& clock);
  void fill(std::uint64_t physical, std::optional<std::uint64_t> old, const Part& part,
            std::span<const unsigned char> from);
  Ps admit(Ps at, Ps floor);
  void leave_buffer(Ps floor);
  bool open_page(const Clock& clock);
  void program_gathered(const Clock& clock);
  void collect(std::uint32_t die, const Clock& clock);
  bool collect_page(std::uint32_t die, const Clock& clock);
  bool write_collected(std::uint32_t die, const Clock& clock);

  std::uint64_t unit_bytes_;
  bool in_place_;
  Ps controller_;
  std::uint32_t threshold_;
  std::uint64_t buffer_units_;
  FlashTranslation translation_;
  std::vector<FlashChannel> channels_;
  std::vector<FlashDie> dies_;
  SerialLane inward_, outward_;
  PhysicalMemory contents_;

  std::uint32_t next_die_ = 0;
  std::optional<Gathering> gathering_;
  std::deque<FlashProgram> programs_;  // in the order in which they were begun; references stay
  boost::unordered_flat_map<std::uint64_t, FlashProgram*> programs_by_page_;
  std::uint64_t buffered_ = 0;  // units
  std::vector<Collection> collections_;

  std::uint64_t buffer_hits_ = 0, buffer_wait_ = 0, host_units_ = 0, partial_units_ = 0, host_programs_ = 0,
                collected_units_ = 0, collection_programs_ = 0, erasures_ = 0;
  Probe erasures_probe_, buffer_probe_;
};

}  // namespace pagoda
