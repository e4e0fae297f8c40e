#include "pagoda/devices/dma_stream.h"

#include <algorithm>

namespace pagoda {

DmaStream::DmaStream(DmaTraffic& traffic, std::uint32_t transfers) : traffic_(traffic), places_(transfers) {}

void DmaStream::attach(DeviceServices& services) {
  services_ = &services;
  services.post(0, *this);
}

// The beginning.
void DmaStream::run(Ps at) {
  for (Place& place : places_) {
    place.stream = this;
    place.job.client = &place;
    take_next(place, at);
  }
  if (busy_ == 0) services_->finish(at);
}

void DmaStream::take_next(Place& place, Ps at) {
  const std::optional<DmaTransfer> next = traffic_.next();
  if (!next) return;
  ++busy_;
  place.transfer = *next;
  due_ += next->gap;
  services_->post(std::max(at, due_), place);
}

void DmaStream::begin(Place& place, Ps at) {
  place.job.address = place.transfer.address;
  place.job.bytes = place.transfer.bytes;
  place.job.write = place.transfer.write;
  place.job.data = place.transfer.data;
  place.job.space = place.transfer.space;
  services_->channel().start(place.job, at);
}

void DmaStream::end(Place& place, Ps at) {
  ++transfers_;
  if (place.job.status != DmaStatus::ok) ++failed_;
  end_ = std::max(end_, at);
  traffic_.ended(place.transfer, place.job.status, place.job.done);
  --busy_;
  take_next(place, at);
  if (busy_ == 0) services_->finish(end_);
}

void DmaStream::visit_stats(StatVisitor& v) {
  v.counter("transfers", transfers_, kCount, "transfers ended");
  v.counter("transfers_failed", failed_, kCount, "transfers of which not everything was carried out");
}

}  // namespace pagoda
