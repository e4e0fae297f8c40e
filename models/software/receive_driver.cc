#include "pagoda/software/receive_driver.h"

#include <array>

#include "pagoda/base/config_builder.h"
#include "pagoda/devices/nic.h"
#include "pagoda/software/software_time.h"

namespace pagoda {
namespace {

using Record = std::array<unsigned char, NicDescriptor::kBytes>;

constexpr Addr kPageMask = 4095;

}  // namespace

const ConfigInfo& ReceiveRingConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<ReceiveRingConfig>("receive ring", "A network interface that receives, and its driver.")
          .field("nic", &ReceiveRingConfig::nic, "the interface")
          .field("line_rate", &ReceiveRingConfig::line_rate, "of the wire that frames come over",
                 in_range(Bandwidth{1e6}, Bandwidth{1e12}))
          .field("interrupt", &ReceiveRingConfig::interrupt, "a processor's time for an interrupt",
                 in_range(Duration{0}, Duration{kMillisecond}))
          .field("frame", &ReceiveRingConfig::frame, "and for each frame received",
                 in_range(Duration{0}, Duration{kMillisecond}));
  return info;
}

Addr ReceiveDriver::Layout::ring() const {
  return (buffers + std::uint64_t{buffer_bytes} * entries + kPageMask) & ~kPageMask;
}

std::uint64_t ReceiveDriver::Layout::bytes() const {
  return ring() + ((std::uint64_t{entries} * NicDescriptor::kBytes + kPageMask) & ~kPageMask) - buffers;
}

ReceiveDriver::ReceiveDriver(const sc_core::sc_module_name& name, const ReceiveRingConfig& config, const Layout& layout,
                             Addr register_base, ProgramMemory& memory, Processor& processor)
    : Module(name), config_(validated(config)), layout_(layout), memory_(memory), processor_(processor) {
  costs_.register_base = register_base;
  SC_HAS_PROCESS(ReceiveDriver);
  SC_THREAD(execute);
}

void ReceiveDriver::execute() {
  failure_.guard([this] { run(); });
}

void ReceiveDriver::interrupt(Ps at) {
  ++pending_;
  wake_.notify(delay_until(at));
}

void ReceiveDriver::resume() {
  paused_ = false;
  wake_.notify(sc_core::SC_ZERO_TIME);
}

void ReceiveDriver::run() {
  open();
  for (;;) {
    while (pending_ == 0 || paused_) wait(wake_);
    pending_ = 0;
    handle();
  }
}

// All descriptors but one: a ring whose tail is its head is empty.
void ReceiveDriver::open() {
  for (std::uint32_t index = 0; index + 1 < layout_.entries; ++index) fill(index);
  registers_.write64(Nic::kReceive + NicQueue::kBase, layout_.ring());
  registers_.write64(Nic::kReceive + NicQueue::kEntries, layout_.entries);
  registers_.write64(Nic::kReceive + NicQueue::kTail, layout_.entries - 1);
}

void ReceiveDriver::handle() {
  ++interrupts_;
  take(config_.interrupt.ps);
  bool any = false;
  while (received(next_)) {
    any = true;
    take(config_.frame.ps);
    wait_while_paused();
    fill(next_ == 0 ? layout_.entries - 1 : next_ - 1);  // the one that was left out moves on
    next_ = after(next_);
  }
  if (!any) return;
  wait_while_paused();
  registers_.write64(Nic::kReceive + NicQueue::kTail, next_ == 0 ? layout_.entries - 1 : next_ - 1);
}

void ReceiveDriver::fill(std::uint32_t index) {
  Record record;
  NicDescriptor{.address = layout_.buffers + std::uint64_t{index} * layout_.buffer_bytes,
                .length = layout_.buffer_bytes}
      .encode(record);
  memory_.store(layout_.ring() + std::uint64_t{index} * NicDescriptor::kBytes, record);
}

bool ReceiveDriver::received(std::uint32_t index) {
  Record record;
  memory_.load(layout_.ring() + std::uint64_t{index} * NicDescriptor::kBytes, record);
  const NicDescriptor descriptor = NicDescriptor::decode(record);
  if (!descriptor.done) return false;
  ++frames_;
  if (descriptor.error != DescriptorError::none) ++failed_;
  return true;
}

// The processor's time.
void ReceiveDriver::take(Ps time) {
  processor_.interrupt(kernel_now(), time);
  spend(time);
}

void ReceiveDriver::wait_while_paused() {
  while (paused_) wait(wake_);
}

void ReceiveDriver::visit_stats(StatVisitor& v) {
  v.counter("interrupts", interrupts_, kCount, "interrupts handled");
  v.counter("frames", frames_, kCount, "frames taken from the ring");
  v.counter("frames_failed", failed_, kCount, "of these, frames that were not written as they came");
}

}  // namespace pagoda
