#include "pagoda/software/io_commands.h"

#include <algorithm>
#include <bit>

#include "pagoda/base/error.h"
#include "pagoda/iommu/iommu_queues.h"
#include "pagoda/iommu/iommu_register_map.h"
#include "pagoda/software/software_time.h"

namespace pagoda {
namespace {

using namespace iommu_register;

constexpr std::uint32_t kErrors = IommuQueue::kMemoryFault | CommandQueue::kTimedOut | CommandQueue::kIllegal;
constexpr std::uint32_t kCommandInterrupt = 1;  // of ipsr
constexpr Ps kPatience = 64;                    // looks until software wonders what is wrong

bool is_invalidation(const IommuCommand& command) {
  return !std::holds_alternative<IofenceC>(command) && !std::holds_alternative<AtsPrgr>(command);
}

}  // namespace

void IoCommands::set_up(Addr ring, Addr completion_word) {
  ring_ = ring;
  word_ = completion_word;
  const auto log2_entries = static_cast<unsigned>(std::countr_zero(config_.queues.commands));
  registers_.write64(kCqb, ring >> kPageShift << 10 | (log2_entries - 1));
  registers_.write32(kCqt, 0);
  const bool interrupts = config_.completion == IoCompletion::interrupt;
  registers_.write32(kCqcsr, IommuQueue::kEnable | (interrupts ? IommuQueue::kInterruptEnable : 0));
}

bool IoCommands::run(const std::vector<IommuCommand>& batch) {
  if (!in_thread()) {
    if (kernel_now() > 0) throw std::logic_error("an IOMMU's driver needs a thread to wait in");
    return true;
  }
  const Ps start = kernel_now();
  adding_.lock();
  lock_wait_ += kernel_now() - start;
  for (const IommuCommand& command : batch) put(command);
  const std::uint32_t number = ++number_;
  put(fence(number));
  ring_doorbell();
  adding_.unlock();
  await(number);
  batch_latency_.record(kernel_now() - start);
  return lost_.erase(number) == 0;
}

void IoCommands::post(const IommuCommand& command) {
  const Ps start = kernel_now();
  adding_.lock();
  lock_wait_ += kernel_now() - start;
  put(command);
  ring_doorbell();
  adding_.unlock();
}

IofenceC IoCommands::fence(std::uint32_t number) const {
  return {.orders_reads = true,
          .orders_writes = true,
          .wired_interrupt = config_.completion == IoCompletion::interrupt,
          .store = IofenceC::Store{.address = word_, .data = number}};
}

void IoCommands::put(const IommuCommand& command) {
  if (full()) {
    head_ = registers_.read32(kCqh);
    if (full()) ++full_waits_;
    for (Ps looks = 0; full(); ++looks) {
      ring_doorbell();
      if (looks > kPatience) check_errors();
      spend(config_.costs.poll.ps);
      head_ = registers_.read32(kCqh);
    }
  }
  spend(config_.costs.command.ps);
  const auto words = encode_command(command);
  store_.write(ring_ + tail_ * kCommandBytes, words[0]);
  store_.write(ring_ + tail_ * kCommandBytes + sizeof words[0], words[1]);
  tail_ = (tail_ + 1) & (config_.queues.commands - 1);
  ++commands_;
  if (std::holds_alternative<IofenceC>(command)) ++fences_;
  if (is_invalidation(command)) ++invalidations_;
}

void IoCommands::ring_doorbell() {
  if (told_ == tail_) return;
  told_ = tail_;
  registers_.write32(kCqt, tail_);
}

// Numbers wrap around.
bool IoCommands::complete(std::uint32_t number) const {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(store_.read(word_)) - number) >= 0;
}

void IoCommands::await(std::uint32_t number) {
  if (config_.completion == IoCompletion::interrupt) {
    while (!complete(number)) sc_core::wait(completed_);
    return;
  }
  const Ps start = kernel_now();
  const Ps poll = config_.costs.poll.ps;
  while (true) {
    const Ps taken = kernel_now() - start;
    spend(std::max(poll, taken / kPatience));
    ++polls_;
    if (complete(number)) return;
    if (taken > kPatience * poll) check_errors();
  }
}

void IoCommands::serve_interrupt() {
  ++interrupts_;
  spend(config_.costs.interrupt.ps);
  check_errors();
  const std::uint32_t enabled = IommuQueue::kEnable | IommuQueue::kInterruptEnable;
  registers_.write32(kCqcsr, enabled | CommandQueue::kFenceInterrupt);
  registers_.write32(kIpsr, kCommandInterrupt);
  completed_.notify(sc_core::SC_ZERO_TIME);
}

void IoCommands::check_errors() {
  if (checking_) return;  // somebody else is at it
  checking_ = true;
  const std::uint32_t csr = registers_.read32(kCqcsr);
  if ((csr & (IommuQueue::kOn | IommuQueue::kBusy)) == 0) throw InvariantError("the IOMMU's command queue is off");
  if ((csr & kErrors) != 0) go_on(csr);
  checking_ = false;
}

// Lets the queue go on after a device did not answer; the fence that noticed is the oldest that is not complete.
void IoCommands::go_on(std::uint32_t csr) {
  if ((csr & CommandQueue::kIllegal) != 0) throw InvariantError("the IOMMU found a command of its driver illegal");
  if ((csr & IommuQueue::kMemoryFault) != 0) throw InvariantError("the IOMMU could not read its command queue");
  ++timeouts_;
  lost_.insert(static_cast<std::uint32_t>(store_.read(word_)) + 1);
  registers_.write32(kCqcsr, (csr & (IommuQueue::kEnable | IommuQueue::kInterruptEnable)) | CommandQueue::kTimedOut);
}

void IoCommands::visit_stats(StatVisitor& v) {
  v.counter("commands", commands_, kCount, "commands put into the queue");
  v.counter("invalidations", invalidations_, kCount, "of these, invalidations");
  v.counter("fences", fences_, kCount, "of these, fences");
  v.counter("polls", polls_, kCount, "looks for a fence's completion");
  v.counter("interrupts", interrupts_, kCount, "interrupts of the command queue handled");
  v.counter("queue_full", full_waits_, kCount, "times that a full queue made software wait");
  v.counter("lock_wait", lock_wait_, kTimeInNs, "time threads waited to add commands");
  v.counter("timeouts", timeouts_, kCount, "batches that a device did not complete");
  v.distribution("batch_latency", batch_latency_, kTimeInNs, "of a batch, to the completion of its fence");
}

}  // namespace pagoda
