#include "pagoda/devices/interrupt_line.h"

#include <utility>

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& InterruptConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<InterruptConfig>("interrupt", "When a device interrupts: after so many events, or so long.")
          .field("events", &InterruptConfig::events, "events for an interrupt", in_range(1, 65536))
          .field("delay", &InterruptConfig::delay, "an interrupt comes no later than so long after the first event")
          .check([](const InterruptConfig& c) -> std::optional<ConfigProblem> {
            if (c.events == 1 || c.delay.ps > 0) return std::nullopt;
            return ConfigProblem{"delay", "the last events would wait for ever", "allowed: a time such as `20 us`"};
          });
  return info;
}

InterruptLine::InterruptLine(const InterruptConfig& config, std::uint32_t vector)
    : limit_(validated(config).events), delay_(config.delay.ps), vector_(vector) {
  job_.client = this;
  job_.write = true;
  job_.uses_atc = false;
  job_.bytes = message_.size();
  job_.data = message_.data();
}

void InterruptLine::set_message(Addr address, std::uint32_t data) {
  address_ = address;
  data_ = data;
}

void InterruptLine::event(Ps at) {
  ++events_;
  if (++pending_ == limit_) return raise(at);
  if (pending_ > 1) return;
  deadline_ = at + delay_;
  if (!std::exchange(timing_, true)) services_->post(deadline_, *this);
}

void InterruptLine::run(Ps at) {
  timing_ = false;
  if (pending_ == 0) return;
  if (at >= deadline_) return raise(at);
  timing_ = true;  // it was for events that an interrupt has told of since
  services_->post(deadline_, *this);
}

void InterruptLine::raise(Ps at) {
  if (writing_) {
    again_ = true;
    return;
  }
  pending_ = 0;
  ++interrupts_;
  if (address_ == 0) return services_->raise_interrupt(vector_, at);
  for (std::size_t i = 0; i < message_.size(); ++i) message_[i] = static_cast<unsigned char>(data_ >> (8 * i));
  job_.address = address_;
  writing_ = true;
  services_->channel().start(job_, at);
}

void InterruptLine::dma_done(DmaJob& job, Ps at) {
  writing_ = false;
  if (job.status != DmaStatus::ok) {
    failed_ = true;
    ++interrupts_failed_;
  }
  if (std::exchange(again_, false)) raise(at);
}

void InterruptLine::visit_stats(StatVisitor& v) {
  v.counter("interrupt_events", events_, kCount, "events to interrupt for");
  v.counter("interrupts", interrupts_, kCount, "interrupts raised");
  v.counter("interrupts_failed", interrupts_failed_, kCount, "interrupt messages that could not be written");
}

}  // namespace pagoda
