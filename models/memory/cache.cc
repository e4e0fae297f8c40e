#include "pagoda/memory/cache.h"

#include <algorithm>

namespace pagoda {

void CacheStats::visit(StatVisitor& v) {
  v.counter("hits", hits, kCount, "accesses to a line that was there");
  v.counter("misses", misses, kCount, "accesses to a line that was not, or was still on its way");
  v.counter("merged", merged, kCount, "misses that waited for a fill already on its way");
  v.value("hit_rate", ratio(hits, hits + misses), "", "hits per access");
  v.counter("evictions", evictions, kCount, "lines that gave way to others");
  v.counter("writebacks", writebacks, kCount, "dirty lines written to the level below");
  v.counter("prefetches", prefetches, kCount, "lines fetched before they were asked for");
  v.counter("useful_prefetches", useful_prefetches, kCount, "prefetched lines that were used");
  v.counter("port_wait", port_wait, kTimeInNs, "time accesses waited for a port");
  v.counter("mshr_wait", mshr_wait, kTimeInNs, "time misses waited for a miss register");
  v.counter("write_buffer_wait", write_buffer_wait, kTimeInNs, "time fills waited for room for their victim");
}

/// The level below, as the core sees it, for one request.
class Cache::Below {
 public:
  Below(Cache& cache, const Attributes& cause) : cache_(cache), cause_(cause) {}

  LineFill fetch(Addr line, Ps at, TimeSplit* time) {
    const auto fill = cache_.transactions_.lease();
    ask(*fill, tlm::TLM_READ_COMMAND, line, time == nullptr ? Origin::prefetch : cause_.origin);
    const Ps done = send(*fill, at);
    cache_.mshr_probe_.during(at, done);
    cache_.misses_probe_.count(at);
    if (time != nullptr) {
      *time += fill->attributes.time;
      status = fill->payload.get_response_status();
      // What a component without attributes took is memory time to us.
      const Ps explained = fill->attributes.time.total();
      if (explained < done - at) (*time)[TimePart::dram] += done - at - explained;
    }
    return {done, fill->payload.is_response_error()};
  }

  Ps write_back(Addr line, Ps at) {
    const auto victim = cache_.transactions_.lease();
    ask(*victim, tlm::TLM_WRITE_COMMAND, line, Origin::writeback);
    return send(*victim, at);
  }

  tlm::tlm_response_status status = tlm::TLM_OK_RESPONSE;

 private:
  void ask(Transaction& transaction, tlm::tlm_command command, Addr line, Origin origin) const {
    transaction.prepare(command, line, static_cast<unsigned>(cache_.core_.line_size()), nullptr);
    transaction.attributes.requester = cause_.requester;
    transaction.attributes.access = command == tlm::TLM_READ_COMMAND ? AccessKind::read : AccessKind::write;
    transaction.attributes.origin = origin;
    transaction.attributes.key_id = cause_.key_id;
  }

  Ps send(Transaction& transaction, Ps at) const {
    sc_core::sc_time delay = delay_until(at);
    cache_.memory->b_transport(transaction.payload, delay);
    return local_time(delay);
  }

  Cache& cache_;
  const Attributes& cause_;
};

Cache::Cache(const sc_core::sc_module_name& name, const CacheConfig& config)
    : Module(name), core_(validated(config, this->name())), data_(memory) {
  cpu.serve(this, &Cache::b_transport, &Cache::debug, &Cache::direct_pointer);
  memory.register_invalidate_direct_mem_ptr(this, &Cache::invalidate_direct_mem_ptr);
}

void Cache::visit_probes(ProbeVisitor& visitor) {
  visitor.probe("misses", misses_probe_, 32, "misses so far");
  visitor.probe("mshrs_busy", mshr_probe_, 16, "miss registers in use");
}

bool Cache::direct_pointer(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi) {
  const Attributes* attributes = payload.get_extension<Attributes>();
  if (attributes != nullptr && attributes->keeps_time) return memory->get_direct_mem_ptr(payload, dmi);
  dmi.allow_none();
  return false;
}

void Cache::invalidate_direct_mem_ptr(sc_dt::uint64 start, sc_dt::uint64 end) {
  data_.forget_pointers();
  cpu.invalidate_direct_pointers(start, end);
}

unsigned Cache::debug(tlm::tlm_generic_payload& payload) { return memory->transport_dbg(payload); }

void Cache::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const AttributesOf owner(payload);
  Attributes& attributes = *owner;
  const unsigned length = payload.get_data_length();
  if (attributes.uncached || payload.get_command() == tlm::TLM_IGNORE_COMMAND || length == 0) {
    memory->b_transport(payload, delay);
    return;
  }

  const Request request{
      .payload = payload,
      .first = payload.get_address(),
      .last = payload.get_address() + std::min(length, std::max(1u, payload.get_streaming_width())) - 1,
      .floor = kernel_now(),
      .at = local_time(delay)};
  if (!attributes.timing_only) data_.prefetch(request.first);
  Below below(*this, attributes);
  const Addr line = core_.line_of(request.first);
  const CacheOutcome outcome = line == core_.line_of(request.last) ? serve_line(request, line, attributes.time, below)
                                                                   : serve_lines(request, attributes.time, below);
  delay = delay_until(outcome.done);  // of kernel time as it is now: the level below may have waited
  if (outcome.failed) {
    payload.set_response_status(below.status);
    return;
  }
  const bool moved = attributes.timing_only || data_.serve(payload);
  payload.set_response_status(moved ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
}

inline CacheOutcome Cache::serve_line(const Request& request, Addr line, TimeSplit& time, Below& below) {
  const bool write = request.payload.is_write();
  const bool whole_line = write && line >= request.first && line + core_.line_size() - 1 <= request.last &&
                          request.payload.get_byte_enable_ptr() == nullptr;
  return core_.access(
      {.line = line, .write = write, .whole_line = whole_line, .floor = request.floor, .at = request.at}, time, below);
}

// All lines at once: the last one to be done decides, and explains the time.
CacheOutcome Cache::serve_lines(const Request& request, TimeSplit& time, Below& below) {
  CacheOutcome last{request.at, true, false};
  TimeSplit longest;
  for (Addr line = core_.line_of(request.first);; line += core_.line_size()) {
    TimeSplit part;
    const CacheOutcome outcome = serve_line(request, line, part, below);
    if (outcome.done >= last.done) {
      last = outcome;
      longest = part;
    }
    last.failed = outcome.failed;
    if (outcome.failed || request.last - line < core_.line_size()) break;
  }
  time += longest;
  return last;
}

}  // namespace pagoda
