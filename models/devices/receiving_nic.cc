#include "pagoda/devices/receiving_nic.h"

#include <algorithm>

namespace pagoda {
namespace {

constexpr std::uint64_t kFraming = 24;

}  // namespace

void ReceivingNic::attach(DeviceServices& services) {
  services_ = &services;
  nic_.attach(services);
  take_next(0);
}

void ReceivingNic::take_next(Ps at) {
  coming_ = wire_.next();
  if (!coming_) return services_->finish(at);
  due_ += coming_->gap;
  const double bytes = static_cast<double>(coming_->bytes + kFraming);
  line_free_ = std::max(due_, line_free_) + static_cast<Ps>(bytes / line_rate_.bytes_per_second * 1e12);
  services_->post(std::max(at, line_free_), *this);
}

void ReceivingNic::run(Ps at) {
  ++frames_;
  NicFrame frame{.length = static_cast<std::uint32_t>(coming_->bytes)};
  if (coming_->data != nullptr) frame.bytes.assign(coming_->data, coming_->data + coming_->bytes);
  nic_.receive(std::move(frame), at);
  wire_.ended(*coming_, DmaStatus::ok, at);
  take_next(at);
}

void ReceivingNic::visit_stats(StatVisitor& v) {
  v.counter("frames", frames_, kCount, "frames that have come");
  nic_.visit_stats(v);
}

}  // namespace pagoda
