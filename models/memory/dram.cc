#include "pagoda/memory/dram.h"

#include <algorithm>
#include <array>

namespace pagoda {
namespace {

constexpr std::array<const char*, kOrigins> kOriginNames{"demand", "walk", "dma", "prefetch", "writeback", "migration"};

constexpr const char* kMicrojoules = "uJ";

}  // namespace

Dram::Dram(const sc_core::sc_module_name& name, const DramConfig& config, PhysicalMemory& memory, Addr base)
    : Module(name),
      timing_(validated(config, this->name())),
      target_(memory, base, capacity_bytes(config.organisation)),
      base_(base) {
  port.serve(this, &Dram::b_transport, &Dram::debug, &Dram::direct_pointer);
  port.serve_timed(this);
}

bool Dram::direct_pointer(tlm::tlm_generic_payload& /*payload*/, tlm::tlm_dmi& dmi) {
  return target_.direct_pointer(dmi);
}

TimedAnswer Dram::access(TimedRequest& request, Ps at) {
  if (!target_.contains(request.address, request.bytes)) return {at, tlm::TLM_ADDRESS_ERROR_RESPONSE};
  return {request.bytes == 0 ? at : serve(request, at)};
}

void Dram::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  if (companion_ != nullptr && payload.get_command() == tlm::TLM_IGNORE_COMMAND) {
    companion_->execute(payload, delay);
    return;
  }
  if (!target_.accepts(payload)) return;
  const AttributesOf owner(payload);
  TimedRequest request{.address = payload.get_address(),
                       .bytes = std::min(payload.get_data_length(), payload.get_streaming_width()),
                       .info = owner->info(),
                       .floor = kernel_now(),
                       .time = &owner->time,
                       .fault = &owner->fault};
  request.info.access = payload.is_write() ? AccessKind::write : AccessKind::read;
  if (request.bytes > 0) delay = delay_until(serve(request, local_time(delay)));
  target_.serve(payload, owner->timing_only);
}

// When a request inside the memory is done.
inline Ps Dram::serve(const TimedRequest& request, Ps at) {
  const bool write = request.is_write();
  const DramResponse response = timing_.access({.address = request.address - base_,
                                                .bytes = request.bytes,
                                                .write = write,
                                                .arrival = at,
                                                .floor = request.floor});
  (*request.time)[TimePart::dram] += response.service;
  (*request.time)[TimePart::queue] += response.queueing;
  bytes_by_origin_[static_cast<std::size_t>(request.info.origin)] += request.bytes;
  if (!write) {
    read_latency_.record(response.complete - at);
    reads_probe_.during(at, response.complete);
  }
  if (response.outcome != DramOutcome::hit) row_misses_probe_.count(response.complete);
  if (companion_ != nullptr) [[unlikely]] {
    if (request.info.origin == Origin::walk && !write && response.outcome != DramOutcome::queued) {
      walk_bursts_ += timing_.bursts_of(request.address - base_, request.bytes);
      if (opens_row(response.outcome)) ++walk_activates_;
    }
    companion_->on_access(request);
  }
  return response.complete;
}

void Dram::finish(Ps end) {
  end_ = end;
  timing_.finish(end);
}

void Dram::visit_stats(StatVisitor& v) {
  const Ps now = end_ > 0 ? end_ : kernel_now();
  const DramReport all = timing_.report(now);
  if (v.clears()) {
    before_ = all;
    measured_from_ = now;
  }
  const auto since = [&](std::uint64_t DramReport::*figure) { return all.*figure - before_.*figure; };
  const auto bursts = [&](std::uint64_t DramCounters::*figure) {
    return all.counters.*figure - before_.counters.*figure;
  };
  const auto count = [&v](const char* name, std::uint64_t value, const char* meaning) {
    v.counter(name, value, kCount, meaning);  // a copy: clearing is done with before_
  };
  count("reads", since(&DramReport::reads), "read requests");
  count("writes", since(&DramReport::writes), "write requests");
  v.distribution("read_latency", read_latency_, kTimeInNs, "from the request to its data");
  const std::uint64_t hits = bursts(&DramCounters::row_hits);
  const std::uint64_t closed = bursts(&DramCounters::row_closed);
  const std::uint64_t conflicts = bursts(&DramCounters::row_conflicts);
  count("row_hits", hits, "bursts whose row was open");
  count("row_closed", closed, "bursts whose bank had no row open");
  count("row_conflicts", conflicts, "bursts whose bank had another row open");
  v.value("row_hit_rate", ratio(hits, hits + closed + conflicts), "", "bursts whose row was open, per burst");
  count("activates", closed + conflicts, "rows opened");
  count("refreshes", since(&DramReport::refreshes), "refresh commands");
  count("forwarded_reads", bursts(&DramCounters::forwarded_reads), "reads served from the write queue");
  count("write_drains", bursts(&DramCounters::write_drains), "times posted writes were drained");
  count("read_queue_waits", bursts(&DramCounters::read_queue_waits), "reads that found the read queue full");
  count("write_queue_waits", bursts(&DramCounters::write_queue_waits), "writes that found the write queue full");

  const double seconds = to_seconds(now - std::min(now, measured_from_));
  const std::uint64_t bytes = since(&DramReport::bytes_read) + since(&DramReport::bytes_written);
  std::uint64_t total = bytes;
  v.counter("bytes", total, kSizeInBytes, "data read and written");
  v.enter("bytes_by_origin");
  for (std::size_t i = 0; i < bytes_by_origin_.size(); ++i) {
    v.counter(kOriginNames[i], bytes_by_origin_[i], kSizeInBytes, "data read and written for this purpose");
  }
  v.leave();
  v.value("bandwidth", seconds > 0 ? static_cast<double>(bytes) / seconds * 1e-9 : 0.0, "GB/s", "data per time");
  const double channels = timing_.config().organisation.channels;
  v.value("bus_utilisation", seconds > 0 ? to_seconds(all.bus_busy - before_.bus_busy) / seconds / channels : 0.0, "",
          "part of time that the data buses carried data");
  v.enter("energy");
  const auto energy = [&](const char* name, Energy DramEnergy::*part, const char* meaning) {
    v.value(name, ((all.energy.*part).joules - (before_.energy.*part).joules) * 1e6, kMicrojoules, meaning);
  };
  energy("activate", &DramEnergy::activate, "opening and closing rows");
  energy("read", &DramEnergy::read, "read bursts");
  energy("write", &DramEnergy::write, "write bursts");
  energy("refresh", &DramEnergy::refresh, "refresh");
  energy("background", &DramEnergy::background, "standby");
  v.value("total", (all.energy.joules() - before_.energy.joules()) * 1e6, kMicrojoules, "all of it");
  v.leave();
}

void Dram::visit_probes(ProbeVisitor& v) {
  v.probe("reads_open", reads_probe_, 12, "reads under way");
  v.probe("row_misses", row_misses_probe_, 32, "accesses so far whose row was not open");
}

}  // namespace pagoda
