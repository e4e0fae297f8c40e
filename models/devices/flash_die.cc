#include "pagoda/devices/flash_die.h"

#include <algorithm>
#include <cmath>

namespace pagoda {

FlashChannel::FlashChannel(const FlashConfig& config)
    : command_(config.command.ps), ps_per_byte_(1e12 / config.channel_rate.bytes_per_second) {}

Ps FlashChannel::transfer_time(std::uint64_t bytes) const {
  return command_ + static_cast<Ps>(std::llround(static_cast<double>(bytes) * ps_per_byte_));
}

Ps FlashChannel::carry(Ps floor, Ps at, std::uint64_t bytes) {
  const Ps duration = transfer_time(bytes);
  const Servers::Slot slot = wire_.acquire(at, duration);
  wire_.release(floor, slot, slot.start + duration);
  busy_ += duration;
  probe_.during(slot.start, slot.start + duration);
  return slot.start + duration;
}

FlashDie::FlashDie(const FlashConfig& config, FlashChannel& channel)
    : read_(config.read.ps),
      program_(config.program.ps),
      erase_(config.erase.ps),
      suspend_(config.suspend.ps),
      suspends_(config.suspends),
      channel_(channel) {}

void FlashDie::occupy(Ps floor, Ps start, Ps end) {
  array_.occupy(floor, start, end);
  busy_ += end - start;
  probe_.during(start, end);
}

// An operation that has found a gap for the time that it takes unloaded: should it have waited for the channel so long
// that the gap is over, what comes behind keeps its time.
void FlashDie::occupy_gap(Ps floor, Ps start, Ps end, Ps unloaded) {
  occupy(floor, start, array_.first_free(start, end - start) == start ? end : start + unloaded);
}

Ps FlashDie::read(Ps floor, Ps at, std::uint64_t bytes) {
  advance(floor, at);
  const Ps start = array_.first_free(at, read_time(bytes));
  const Ps away = std::max({at, current_.start, current_.away_until});  // or begins to be
  const bool is_away = current_.away_until > at;
  const Ps sooner = is_away ? away : away + suspend_;
  if (suspends_ && !current_.fixed && away < current_.end && sooner < start) {
    const Ps out = channel_.carry(floor, sooner + read_, bytes);
    if (!is_away) ++suspensions_;
    const Ps resumed_end = current_.end + (out - away);
    occupy(floor, current_.end, resumed_end);
    current_.end = resumed_end;
    current_.away_until = out;
    if (current_.program != nullptr) current_.program->end = resumed_end;
    return out;
  }
  const Ps out = channel_.carry(floor, start + read_, bytes);
  occupy_gap(floor, start, out, read_time(bytes));
  return out;
}

Ps FlashDie::write(Ps floor, Ps at, std::uint64_t bytes) {
  const Ps start = array_.first_free(at, program_time(bytes));
  const Ps end = channel_.carry(floor, start, bytes) + program_;
  occupy_gap(floor, start, end, program_time(bytes));
  return end;
}

void FlashDie::advance(Ps floor, Ps at) {
  while (next() < at) {
    begin(floor, waiting_.front());
    waiting_.pop_front();
  }
}

Ps FlashDie::finish(Ps floor, FlashProgram& program) {
  while (!program.end) {
    begin(floor, waiting_.front());
    waiting_.pop_front();
  }
  if (current_.program == &program) current_.fixed = true;
  return *program.end;
}

void FlashDie::begin(Ps floor, const Operation& operation) {
  const Ps start = std::max(operation.ready, array_.horizon());
  switch (operation.kind) {
    case Operation::Kind::read:
      occupy(floor, start, channel_.carry(floor, start + read_, operation.bytes));
      current_.fixed = true;
      return;
    case Operation::Kind::program: {
      const Ps filled = channel_.carry(floor, start, operation.bytes);
      current_ = {.start = filled, .end = filled + program_, .fixed = false, .program = operation.program};
      if (operation.program != nullptr) operation.program->end = current_.end;
      break;
    }
    case Operation::Kind::erase: current_ = {.start = start, .end = start + erase_, .fixed = false}; break;
  }
  occupy(floor, start, current_.end);
}

}  // namespace pagoda
