// A block device with a submission and a completion queue in memory.
//
// Models: commands (ring_entries.h) fetched ahead, many worked on at a time and completed in any order; a read moves
// its blocks from the medium (storage_medium.h) to the buffer in memory, a write from there to the medium, a flush ends
// when everything written before is safe, blocks that are deallocated read as zero; completions are written with the
// phase bit of the NVM Express Base Specification 1.4 (4.6), when the completion queue has room, and each is an event
// for interrupt 0 once it is written. A command that makes no sense is completed with its status, one whose buffer
// cannot be read or written with "data transfer error"; a read may have moved a part of its blocks then, a write has
// changed none. What goes wrong in the medium is the status of the command. Does not model: several queues, the
// administration queue, order between commands, scatter lists and lists of ranges.
//
// Registers beside those of register_function.h:
//
//   0x100  base of the submission queue, a multiple of 64
//   0x108  base of the completion queue, a multiple of 16
//   0x110  entries of the completion queue
//   0x118  entries of the submission queue: writing it opens both, empty at entry 0 and with phase 1; 0 closes them. Of
//          commands under way nothing more is heard
//   0x120  tail of the submission queue, a doorbell: one past the last command
//   0x128  head of the completion queue, a doorbell: one past the last completion that the driver has read
//   0x130  head of the submission queue, read only: one past the last command fetched
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "pagoda/devices/register_function.h"
#include "pagoda/devices/ring_entries.h"
#include "pagoda/devices/ring_reader.h"
#include "pagoda/devices/storage_medium.h"

namespace pagoda {

/// Defaults are round figures.
struct BlockDeviceConfig {
  std::uint32_t commands = 64;
  std::uint32_t fetch_batch = 4;
  Bytes max_transfer{128 * 1024};
  bool real_data = true;
  MediumConfig medium{};
  InterruptConfig interrupt{};

  static const ConfigInfo& config_info();
};

class BlockDevice final : public RegisterFunction, private RingReader::Owner {
 public:
  static constexpr Addr kSubmissionBase = 0x100;
  static constexpr Addr kCompletionBase = 0x108;
  static constexpr Addr kCompletionEntries = 0x110;
  static constexpr Addr kSubmissionEntries = 0x118;
  static constexpr Addr kSubmissionTail = 0x120;
  static constexpr Addr kCompletionHead = 0x128;
  static constexpr Addr kSubmissionHead = 0x130;

  /// Of a command's time, what passed in the medium, and how much of it was waiting.
  struct MediumTime {
    Ps media = 0;
    Ps queue = 0;
  };

  explicit BlockDevice(const BlockDeviceConfig& config);

  /// Told of each command's time in the medium, by its identifier, when that is known.
  void observe_commands(std::function<void(std::uint16_t, const MediumTime&)> observer) {
    observer_ = std::move(observer);
  }

  StorageMedium& medium() { return *medium_; }

  void attach(DeviceServices& services) override;
  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  enum class State : std::uint8_t { free, moving, at_medium, ending, completing };

  // One command that is being worked on: a transfer, or time at the medium.
  struct Command final : AgendaTask, DmaClient {
    void run(Ps at) override { device->medium_done(*this, at); }
    void dma_done(DmaJob& /*job*/, Ps at) override { device->transfer_done(*this, at); }

    BlockDevice* device = nullptr;
    State state = State::free;
    bool abandoned = false;  // its queues are no longer open
    BlockCommand command;
    BlockStatus status = BlockStatus::success;
    Ps since = 0;
    std::vector<unsigned char> data;
    std::array<unsigned char, BlockCompletion::kBytes> record{};
    DmaJob job;
  };

  // What the medium does by itself.
  struct MediumWork final : AgendaTask {
    void run(Ps at) override;

    BlockDevice* device = nullptr;
    Ps due = kNever;  // the agenda has it
  };

  std::optional<std::uint64_t> read(Addr offset) const override;
  bool writable(Addr offset) const override;
  void written(Addr offset, std::uint64_t value, Ps at) override;
  std::size_t room() const override { return free_.size(); }
  void fetched(std::uint32_t index, std::span<const unsigned char> entry, Ps at) override;
  void fetch_failed(Ps at) override;

  void open(std::uint64_t entries);
  void take_completion_head(std::uint64_t head, Ps at);
  BlockStatus check(const BlockCommand& command) const;
  void begin(Command& command, Ps at);
  void transfer(Command& command, Ps at);
  void wait_for_medium(Command& command, const MediumAnswer& answer, Ps at);
  MediumRequest range_of(const Command& command, Ps at);
  void go_on_with_medium(Ps at);
  void medium_done(Command& command, Ps at);
  void transfer_done(Command& command, Ps at);
  void end(Command& command, BlockStatus status, Ps at);
  void write_completions(Ps at);
  void release(Command& command, Ps at);
  std::uint64_t bytes_of(const BlockCommand& command) const { return command.blocks() * medium_->block_bytes(); }

  bool real_data_;
  std::uint64_t max_transfer_;
  std::unique_ptr<StorageMedium> medium_;
  MediumWork medium_work_;
  RingReader submissions_;
  InterruptLine interrupt_;
  std::vector<Command> commands_;
  std::vector<Command*> free_;
  std::deque<Command*> ended_;  // whose completions have not been written

  std::function<void(std::uint16_t, const MediumTime&)> observer_;

  Addr submission_base_ = 0;
  Addr next_completion_base_ = 0;  // of the queues to open
  std::uint64_t next_completions_ = 0;
  Addr completion_base_ = 0;       // of the open ones
  std::uint32_t completions_ = 0;  // entries
  std::uint32_t completion_tail_ = 0;
  std::uint32_t completion_head_ = 0;
  bool phase_ = true;

  std::uint64_t reads_ = 0, writes_ = 0, flushes_ = 0, failed_ = 0, bytes_ = 0, completion_waits_ = 0;
  Distribution latency_;
  Probe commands_probe_;
};

}  // namespace pagoda
