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

/// The level below, as the core sees it, for one request. The request itself becomes that for the line that it misses.
class Cache::Below {
 public:
  Below(Cache& cache, TimedRequest& request) : cache_(cache), request_(request) {}

  void expect(Addr line) const {
    if (!request_.expected) cache_.below_.expect(line);
  }

  LineFill fetch(Addr line, Ps at, TimeSplit* time) {
    if (time == nullptr) return count_fill(at, ask(AccessKind::read, Origin::prefetch, line, at));
    request_.address = line;
    request_.bytes = static_cast<std::uint32_t>(cache_.core_.line_size());
    request_.info.access = AccessKind::read;
    if (!request_.for_line) {  // or a cache above has done so
      request_.info = info(AccessKind::read, request_.info.origin);
      request_.expected = request_.for_line = true;
    }
    const TimedAnswer answer = cache_.below_.access(request_, at);
    status = answer.status();
    return count_fill(at, answer);
  }

  Ps write_back(Addr line, Ps at) { return ask(AccessKind::write, Origin::writeback, line, at).done; }

  tlm::tlm_response_status status = tlm::TLM_OK_RESPONSE;

 private:
  // What those below need to know: whose address it was does not matter to them.
  RequestInfo info(AccessKind kind, Origin origin) const {
    return {.requester = request_.info.requester, .key_id = request_.info.key_id, .access = kind, .origin = origin};
  }

  TimedAnswer ask(AccessKind kind, Origin origin, Addr line, Ps at) const {
    TimedRequest request{.address = line,
                         .bytes = static_cast<std::uint32_t>(cache_.core_.line_size()),
                         .info = info(kind, origin),
                         .expected = true,
                         .for_line = true,
                         .floor = request_.floor,
                         .time = &cache_.nobodys_time_,
                         .fault = request_.fault};
    return cache_.below_.access(request, at);
  }

  LineFill count_fill(Ps at, const TimedAnswer& answer) {
    cache_.mshr_probe_.during(at, answer.done);
    cache_.misses_probe_.count(at);
    return {answer.done, !answer.ok()};
  }

  Cache& cache_;
  TimedRequest& request_;
};

Cache::Cache(const sc_core::sc_module_name& name, const CacheConfig& config)
    : Module(name), core_(validated(config, this->name())) {
  cpu.serve(this, &Cache::b_transport, &Cache::debug, &Cache::direct_pointer);
  cpu.serve_timed(this);
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
  below_.data().forget_pointers();
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
  DataPath& data = below_.data();
  if (!attributes.timing_only) data.prefetch(payload.get_address());
  TimedRequest request{.address = payload.get_address(),
                       .bytes = std::min(length, std::max(1u, payload.get_streaming_width())),
                       .info = attributes.info(),
                       .floor = kernel_now(),
                       .time = &attributes.time,
                       .fault = &attributes.fault};
  request.info.access = payload.is_write() ? AccessKind::write : AccessKind::read;
  const TimedAnswer answer = serve(request, local_time(delay), payload.get_byte_enable_ptr() == nullptr);
  delay = delay_of_answer(answer.done, attributes.time);
  payload.set_response_status(answer.status());
  if (answer.ok() && !attributes.timing_only && !data.serve(payload)) {
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
  }
}

void Cache::expect(Addr address) {
  core_.prefetch_tags(address);
  below_.expect(address);
}

void Cache::expect_next(Addr address) {
  if (!core_.prefetch_line(address)) below_.expect_next(address);
}

void Cache::install(Addr address, Ps arrives, const TimedRequest& cause) {
  TimedRequest request = cause;
  Below next(*this, request);
  core_.install(core_.line_of(address), cause.floor, arrives, next);
}

Ps Cache::recall(Addr address, Ps at, Ps floor) {
  Fault fault;
  TimedRequest request{.floor = floor, .time = &nobodys_time_, .fault = &fault};
  Below next(*this, request);
  return core_.recall(address, at, next);
}

TimedAnswer Cache::access(TimedRequest& request, Ps at) {
  const Addr line = core_.line_of(request.address);
  const Addr rest = line + core_.line_size() - request.address;
  if (request.info.uncached || Addr{request.bytes} - 1 >= rest) [[unlikely]]
    return access_unusual(request, at);
  return serve_line(request, line, at, true);
}

// Not cacheable, without bytes, or across lines.
[[gnu::noinline]] TimedAnswer Cache::access_unusual(TimedRequest& request, Ps at) {
  if (request.info.uncached || request.bytes == 0) return below_.access(request, at);
  return serve(request, at, true);
}

// `whole`: a write has all its bytes.
[[gnu::noinline]] TimedAnswer Cache::serve(TimedRequest& request, Ps at, bool whole) {
  const Addr line = core_.line_of(request.address);
  if (request.address - line + request.bytes > core_.line_size()) return serve_lines(request, at, whole);
  return serve_line(request, line, at, whole);
}

[[gnu::always_inline]] inline TimedAnswer Cache::serve_line(TimedRequest& request, Addr line, Ps at, bool whole) {
  Below below(*this, request);
  const bool write = request.is_write();
  bool whole_line = false;
  if (write) [[unlikely]]
    whole_line = whole && request.bytes == core_.line_size();
  const CacheOutcome outcome = core_.access(
      {.line = line, .write = write, .whole_line = whole_line, .floor = request.floor, .at = at}, *request.time, below);
  if (outcome.failed) [[unlikely]]
    return {outcome.done, below.status};
  return outcome.done;
}

// All lines at once: the last one to be done decides, and explains the time.
TimedAnswer Cache::serve_lines(const TimedRequest& request, Ps at, bool whole) {
  TimedAnswer last(at);
  TimeSplit longest;
  const Addr end = request.address + request.bytes;
  for (Addr begin = request.address; begin != end && last.ok();) {
    TimeSplit time;
    TimedRequest part = request;
    part.address = begin;
    const Addr bytes = std::min(end - begin, core_.line_of(begin) + core_.line_size() - begin);
    part.bytes = static_cast<std::uint32_t>(bytes);
    part.time = &time;
    const TimedAnswer answer = serve(part, at, whole);
    if (answer.done >= last.done) {
      last.done = answer.done;
      longest = time;
    }
    last.set_status(answer.status());
    begin += bytes;
  }
  *request.time += longest;
  return last;
}

}  // namespace pagoda
