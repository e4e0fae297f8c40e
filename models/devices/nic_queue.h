// One ring of a network interface, in one direction. What it models is in nic.h.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "pagoda/devices/nic_config.h"
#include "pagoda/devices/register_function.h"
#include "pagoda/devices/ring_entries.h"
#include "pagoda/devices/ring_reader.h"

namespace pagoda {

/// A frame on the wire. Without real data its bytes are empty.
struct NicFrame {
  std::uint32_t length = 0;
  std::vector<unsigned char> bytes{};
};

enum class NicDirection : std::uint8_t { receive, send };

class NicQueue final : private RingReader::Owner {
 public:
  // Registers.
  static constexpr Addr kBase = 0x00;
  static constexpr Addr kEntries = 0x08;
  static constexpr Addr kTail = 0x10;
  static constexpr Addr kHead = 0x18;

  using Sent = std::function<void(const NicFrame& frame, Ps at)>;

  /// `sent` is told of frames that have been read from memory.
  NicQueue(const NicConfig& config, NicDirection direction, RegisterFunction& device, Sent sent);

  void attach(DeviceServices& services) { reader_.attach(services.channel()); }
  std::optional<std::uint64_t> read(Addr offset) const;
  static bool writable(Addr offset) { return offset <= kTail; }
  void written(Addr offset, std::uint64_t value, Ps at);
  /// A frame has come from the wire.
  void arrive(NicFrame frame, Ps at);
  InterruptLine& interrupt() { return interrupt_; }

  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor);

 private:
  enum class State : std::uint8_t { waiting, moving, moved, writing, written };

  // One descriptor that is being worked on.
  struct Slot final : DmaClient {
    void dma_done(DmaJob& /*job*/, Ps at) override { queue->go_on(*this, at); }

    NicQueue* queue = nullptr;
    std::uint32_t index = 0;
    Addr place = 0;  // of the descriptor
    State state = State::waiting;
    bool abandoned = false;  // its ring is no longer open
    NicDescriptor descriptor;
    NicFrame frame;
    std::array<unsigned char, NicDescriptor::kBytes> record{};
    DmaJob job;
    Ps since = 0;
  };

  std::size_t room() const override { return limit_ - slots_.size(); }
  void fetched(std::uint32_t index, std::span<const unsigned char> entry, Ps at) override;
  void fetch_failed(Ps at) override;
  void open(std::uint64_t entries, Ps at);
  void fill_buffers(Ps at);
  void move(Slot& slot, Ps at);
  void go_on(Slot& slot, Ps at);
  void fail(Slot& slot, DescriptorError error, DeviceError reported);
  void settle(Ps at);
  void write_back(Slot& slot, Ps at);
  void complete(const Slot& slot, Ps at);

  RegisterFunction& device_;
  bool sends_;
  bool real_data_;
  std::size_t limit_;
  std::size_t frame_limit_;
  std::uint64_t max_frame_;
  Sent sent_;
  RingReader reader_;
  InterruptLine interrupt_;
  Addr next_base_ = 0;  // of the ring to open
  Addr base_ = 0;       // of the open one
  std::uint32_t head_ = 0;
  std::deque<Slot> slots_;       // in ring order
  std::deque<NicFrame> frames_;  // that wait for a descriptor

  std::uint64_t completed_ = 0, failed_ = 0, bytes_ = 0, dropped_ = 0;
  Distribution latency_;
  Probe occupancy_probe_;
};

}  // namespace pagoda
