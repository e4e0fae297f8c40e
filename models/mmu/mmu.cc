#include "pagoda/mmu/mmu.h"

#include <algorithm>

#include <boost/container/small_vector.hpp>

#include "pagoda/memory/cache.h"
#include "pagoda/mmu/table_port.h"

namespace pagoda {
namespace {

tlm::tlm_response_status response_to(const Fault& fault) {
  return fault.cause == FaultCause::permission ? tlm::TLM_COMMAND_ERROR_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE;
}

bool is_translating(const MmuContext& context) {
  return std::any_of(context.stages.begin(), context.stages.end(),
                     [](const Stage& stage) { return stage.format != nullptr; });
}

}  // namespace

AccessKind Mmu::kind_of(const tlm::tlm_generic_payload& payload, const Attributes& attributes) {
  if (payload.is_write()) return AccessKind::write;
  return attributes.access == AccessKind::fetch ? AccessKind::fetch : AccessKind::read;
}

Mmu::Mmu(const sc_core::sc_module_name& name, const MmuConfig& config)
    : Module(name),
      itlb_(validated(config, this->name()).itlb, config.period()),
      dtlb_(config.dtlb, config.period()),
      walker_(config.walker, config.period()),
      walks_in_memory_(config.walker.place != WalkerPlace::host),
      fetches_data_(config.walker.fetch_data),
      invalidate_page_(config.maintenance.page.at(config.period())),
      invalidate_all_(config.maintenance.all.at(config.period())) {
  if (config.stlb) stlb_.emplace(*config.stlb, config.period());
  data.serve(this, &Mmu::data_transport, &Mmu::debug);
  data.serve_timed(&data_way_);
  fetch.serve(this, &Mmu::fetch_transport, &Mmu::debug);
  fetch.serve_timed(&fetch_way_);
  data_memory.register_invalidate_direct_mem_ptr(this, &Mmu::invalidate_direct_mem_ptr);
  fetch_memory.register_invalidate_direct_mem_ptr(this, &Mmu::invalidate_direct_mem_ptr);
  walk_memory.register_invalidate_direct_mem_ptr(this, &Mmu::invalidate_direct_mem_ptr);
}

void Mmu::set_context(MmuContext context, unsigned thread) {
  if (thread >= parked_.size()) parked_.resize(thread + 1);
  (thread == selected_ ? context_ : parked_[thread]) = std::move(context);
  translating_ = is_translating(context_);
  itlb_.forget_checks();
  dtlb_.forget_checks();
  if (stlb_) stlb_->forget_checks();
}

void Mmu::select_other(unsigned thread) {
  parked_.resize(std::max<std::size_t>(parked_.size(), std::max(thread, selected_) + 1));
  const bool same_space = parked_[thread].tag == context_.tag;
  std::swap(context_, parked_[selected_]);
  std::swap(context_, parked_[thread]);
  selected_ = thread;
  translating_ = is_translating(context_);
  if (same_space) return;
  for (Way* way : {&data_way_, &fetch_way_, &fetch_by_data_way_}) way->recent.epoch = ~std::uint64_t{0};
}

Ps Mmu::invalidate(const TlbInvalidation& what, Ps at) {
  ++invalidations_;
  itlb_.invalidate(what);
  dtlb_.invalidate(what);
  if (stlb_) stlb_->invalidate(what);
  walker_.invalidate(what);
  const Ps done = at + (what.address ? invalidate_page_ : invalidate_all_);
  return memory_walks_ ? memory_walks_->invalidate(what, context_.stages, done) : done;
}

void Mmu::end_of_elaboration() {
  const auto first_bound = [this](auto& socket) -> Downlink::Below& {
    return socket.size() > 0 ? *socket.operator->() : *data_memory.operator->();
  };
  data_below_.bind(*data_memory.operator->());
  data_cache_ = dynamic_cast<Cache*>(data_below_.timed_target());
  if (data_cache_ != nullptr) data_way_.cache = &data_cache_->core();
  fetch_below_.bind(first_bound(fetch_memory));
  tables_below_.bind(first_bound(walk_memory));
  if (!walks_in_memory_) return;
  if (memory_walks.size() == 0) SC_REPORT_ERROR(name(), "memory_walks is not bound, and the walker is to be in memory");
  walker_.hand_to(memory_walks_.emplace(*memory_walks.operator->()));
}

void Mmu::invalidate_direct_mem_ptr(sc_dt::uint64 /*start*/, sc_dt::uint64 /*end*/) {
  for (Downlink* below : {&data_below_, &fetch_below_, &tables_below_}) below->data().forget_pointers();
}

void Mmu::data_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const Attributes* attributes = payload.get_extension<Attributes>();
  const bool is_fetch = attributes != nullptr && kind_of(payload, *attributes) == AccessKind::fetch;
  transport(payload, delay, is_fetch ? fetch_by_data_way_ : data_way_);
}

void Mmu::fetch_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  transport(payload, delay, fetch_way_);
}

void Mmu::transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay, Way& way) {
  Attributes* const attributes = payload.get_extension<Attributes>();
  if (attributes != nullptr) attributes->fault = {};  // of an earlier use of the payload
  if (!translating_) {
    way.below->b_transport(payload, delay);
  } else if (attributes != nullptr) {
    transport(payload, *attributes, delay, way);
  } else {  // the caches below are to know whether the page is cacheable
    Attributes own;
    payload.set_extension(&own);
    transport(payload, own, delay, way);
    payload.clear_extension(&own);
  }
}

void Mmu::transport(tlm::tlm_generic_payload& payload, Attributes& attributes, sc_core::sc_time& delay, Way& way) {
  TimedRequest request{.address = payload.get_address(),
                       .bytes = payload.get_data_length(),
                       .info = attributes.info(),
                       .floor = kernel_now(),
                       .time = &attributes.time,
                       .fault = &attributes.fault};
  request.info.access = &way.tlb == &itlb_ ? AccessKind::fetch : kind_of(payload, attributes);
  const TimedAnswer answer = serve(request, local_time(delay), way, PayloadSender(payload, attributes, way.below));
  delay = delay_of_answer(answer.done, attributes.time);
  payload.set_response_status(answer.status());
}

TimedAnswer Mmu::Way::access(TimedRequest& request, Ps at) {
  if (repeats(request)) return mmu.serve_again(request, at, *this, TimedSender(below));
  return access_elsewhere(request, at);
}

void Mmu::Way::expect(Addr address) {
  if (!mmu.translating_) return below.expect(address);
  if (mmu.looks_ahead()) mmu.lookahead_.expect(address, *mmu.context_.stages.front().format);
}

[[gnu::noinline]] TimedAnswer Mmu::Way::access_elsewhere(TimedRequest& request, Ps at) {
  if (!mmu.translating_) return below.access(request, at);
  if (this == &mmu.data_way_ && request.info.access == AccessKind::fetch) {
    return mmu.fetch_by_data_way_.access(request, at);
  }
  return mmu.serve(request, at, *this, TimedSender(below));
}

void Mmu::Way::begin_streak(Addr address, Privilege privilege, Streak& streak) {
  const bool on_page = ((address ^ recent.page) & recent.mask) == 0 && recent.epoch == tlb.epoch();
  if (cache == nullptr || !on_page || recent.uncached || !cache->repeats(address + recent.to_physical, 1)) return;
  const unsigned allowed = recent.entry->allowed;
  if ((allowed & TlbEntry::access_bit(AccessKind::read, privilege)) == 0) return;
  const bool writable = (allowed & TlbEntry::access_bit(AccessKind::write, privilege)) != 0;
  streak.begin(*this, tlb, *cache, *below.timed_target(),
               {.address = address,
                .to_physical = recent.to_physical,
                .page_bytes = ~recent.mask + 1,
                .ready = recent.entry->ready,
                .writable = writable});
}

Ps Mmu::Way::join_walk(Ps ready, Ps at, TimeSplit& time) { return mmu.await(tlb, ready, at, time); }

Fault Mmu::Way::memory_fault(Addr address, Addr physical, AccessKind access, Privilege privilege) const {
  return {.cause = FaultCause::access_error,
          .stage = static_cast<std::uint8_t>(mmu.context_.stages.size()),
          .access = access,
          .privilege = privilege,
          .virtual_address = address,
          .stage_address = physical};
}

// Whether the request is for the page used last, all of it, and its entry grants it without a further look.
inline bool Mmu::Way::repeats(const TimedRequest& request) const {
  return ((request.address ^ recent.page) & recent.mask) == 0 && recent.epoch == tlb.epoch() &&
         (request.address & ~recent.mask) + request.bytes <= ~recent.mask + 1 &&
         (recent.entry->allowed & TlbEntry::access_bit(request.info.access, request.info.privilege)) != 0;
}

template <class Sender>
inline TimedAnswer Mmu::serve(TimedRequest& request, Ps at, Way& way, Sender sender) {
  if (way.repeats(request)) return serve_again(request, at, way, sender);
  request.info.asid = context_.tag.asid;
  request.info.vmid = context_.tag.vmid;
  if ((request.address & low_mask(kPageShift)) + request.bytes > low_mask(kPageShift) + 1) {
    return serve_crossing(request, at, way, sender);
  }
  Piece piece{.at = at, .length = request.bytes};
  if (!translate(way, request, piece)) return refuse(request, piece);
  return send(request, piece, way, sender);
}

// A request that repeats().
template <class Sender>
inline TimedAnswer Mmu::serve_again(TimedRequest& request, Ps at, Way& way, Sender sender) {
  request.info.asid = context_.tag.asid;
  request.info.vmid = context_.tag.vmid;
  const Ps found = await(way.tlb, way.recent.entry->ready, way.tlb.look(at, *request.time), *request.time);
  const Addr physical = request.address + way.recent.to_physical;
  return send(request, {.at = found, .physical = physical, .length = request.bytes, .uncached = way.recent.uncached},
              way, sender);
}

// An access that leaves a 4 KiB page: all of it is translated before any part is carried out.
template <class Sender>
[[gnu::noinline]] TimedAnswer Mmu::serve_crossing(const TimedRequest& request, Ps at, Way& way, Sender& sender) {
  struct Part {
    TimedRequest request;
    Piece piece;
    TimeSplit time;
  };
  boost::container::small_vector<Part, 2> parts;
  for (unsigned offset = 0; offset < request.bytes; offset += parts.back().piece.length) {
    auto& [part, piece, time] = parts.emplace_back(Part{request, {.at = at, .offset = offset}, {}});
    part.address += offset;
    part.time = &time;
    if (!translate(way, part, piece)) {
      *request.time += time;
      return refuse(request, piece);
    }
    const Addr to_page_end = low_mask(piece.page_shift) - (part.address & low_mask(piece.page_shift)) + 1;
    piece.length = static_cast<unsigned>(std::min<Addr>(request.bytes - offset, to_page_end));
  }
  if (parts.size() > 1) ++crossings_;
  TimedAnswer last(at);
  TimeSplit longest;
  for (auto& [part, piece, time] : parts) {
    part.time = &time;  // where it is now
    const TimedAnswer answer = send(part, piece, way, sender);
    if (answer.done >= last.done) {
      last.done = answer.done;
      longest = time;
    }
    last.set_status(answer.status());
    if (!answer.ok()) break;
  }
  *request.time += longest;
  return last;
}

// Sends a translated piece; explains it if memory refuses what translation granted.
template <class Sender>
inline TimedAnswer Mmu::send(TimedRequest& request, const Piece& piece, const Way& way, Sender& sender) {
  Fault& fault = *request.fault;
  const Addr address = request.address;
  const AccessKind access = request.info.access;
  const Privilege privilege = request.info.privilege;
  const TimedAnswer answer = sender(request, piece);
  if (!answer.ok() && !fault) fault = way.memory_fault(address, piece.physical, access, privilege);
  return answer;
}

TimedAnswer Mmu::refuse(const TimedRequest& request, const Piece& piece) {
  ++faults_;
  return {piece.at, response_to(*request.fault)};
}

// Finds the translation of the page that the request's address lies in; false, with the fault, if there is none.
bool Mmu::translate(Way& way, const TimedRequest& request, Piece& piece) {
  const Stage& stage = context_.stages.front();
  const WalkRequest canonical =
      wanted_by(request, stage.format == nullptr ? request.address : stage.canonical(request.address));
  TlbEntry* entry = look_up(way.tlb, canonical, request, piece);
  if (entry != nullptr) {
    piece.physical = entry->output(canonical.address);
  } else {
    if (*request.fault) return false;
    WalkResult result;
    TlbEntry& found = result.entry;
    if (const TlbEntry* second = stlb_ ? look_up(*stlb_, canonical, request, piece) : nullptr) {
      found = *second;
      found.ready = piece.at;
    } else {
      if (*request.fault || !walk(request, piece, result)) return false;
      if (stlb_) stlb_->fill(canonical.address, found);
    }
    // What the second level has checked of fetches is not for a data TLB to grant.
    if (&way.tlb == &dtlb_) found.allowed &= TlbEntry::kDataAccesses;
    entry = way.tlb.fill(canonical.address, found);
    piece.physical = found.output(canonical.address);  // the same, and the host need not wait for the copy
  }
  piece.uncached = !is_cacheable(entry->memory_type);
  piece.page_shift = entry->page_shift;
  const Addr mask = ~low_mask(entry->page_shift);
  way.recent = {.epoch = way.tlb.epoch(),
                .page = request.address & mask,
                .mask = mask,
                .to_physical = piece.physical - request.address,
                .entry = entry,
                .uncached = piece.uncached};
  return true;
}

// How a walk for the access begins.
inline WalkRequest Mmu::wanted_by(const TimedRequest& request, Addr address) const {
  return {.address = address,
          .access = request.info.access,
          .privilege = request.info.privilege,
          .allow_user_data = context_.allow_user_data};
}

bool Mmu::walk(const TimedRequest& cause, Piece& piece, WalkResult& result) {
  TablePort tables(tables_below_, cause, &table_observer_);
  const WalkJob job{.stages = context_.stages,
                    .tag = context_.tag,
                    .request = wanted_by(cause, cause.address),
                    .requester = cause.info.requester,
                    .data_bytes = data_wanted(cause),
                    .floor = cause.floor,
                    .at = piece.at};
  walker_.walk(job, tables, result);
  (*cause.time)[TimePart::queue] += result.start - piece.at;
  (*cause.time)[TimePart::walk] += result.done - result.start;
  piece.at = result.done;
  if (result.fault) {
    *cause.fault = result.fault;
    return false;
  }
  if (context_.stages.size() == 1 && tables.last_read() != 0) {
    lookahead_.learn(cause.address, result.entry.program_shift, tables.last_read());
  }
  if (result.with_data) data_cache_->install(result.entry.output(cause.address), result.done, cause);
  return true;
}

// How much of its line a walk in memory is to bring for this access: what the first-level cache takes, or nothing.
std::uint32_t Mmu::data_wanted(const TimedRequest& cause) const {
  if (!fetches_data_ || data_cache_ == nullptr || cause.info.access != AccessKind::read) return 0;
  return static_cast<std::uint32_t>(data_cache_->core().line_size());
}

// An entry of this TLB that grants the access, once it is there; or null, with the fault if an entry refuses it.
TlbEntry* Mmu::look_up(Tlb& tlb, const WalkRequest& wanted, const TimedRequest& cause, Piece& piece) {
  piece.at = tlb.look(piece.at, *cause.time);
  TlbEntry* entry = tlb.find(wanted.address, context_.tag);
  const Verdict verdict = entry == nullptr ? Verdict::ask_memory : judge(*entry, wanted);
  if (verdict == Verdict::ask_memory) {
    tlb.count_miss(piece.at, false);
    return nullptr;
  }
  piece.at = await(tlb, entry->ready, piece.at, *cause.time);
  if (verdict == Verdict::granted) return entry;
  *cause.fault = {.cause = FaultCause::permission,
                  .access = wanted.access,
                  .privilege = wanted.privilege,
                  .granted = static_cast<std::uint8_t>(entry->rights[0]),
                  .virtual_address = wanted.address,
                  .stage_address = wanted.address};
  drop_page(wanted.address);
  return nullptr;
}

// When an entry found at `at` is there: the walk for it may still be under way, and the miss joins it.
inline Ps Mmu::await(Tlb& tlb, Ps ready, Ps at, TimeSplit& time) {
  if (ready <= at) {
    tlb.count_hit(at);
    return at;
  }
  tlb.count_miss(at, true);
  walker_.count_merged();
  time[TimePart::walk] += ready - at;
  return ready;
}

Mmu::Verdict Mmu::judge(TlbEntry& entry, const WalkRequest& wanted) const {
  const unsigned bit = TlbEntry::access_bit(wanted.access, wanted.privilege);
  if ((entry.allowed & bit) != 0 && !wanted.allow_user_data) return Verdict::granted;

  if (grants(entry, context_.stages, wanted)) {
    if (!wanted.allow_user_data) entry.allowed |= static_cast<std::uint8_t>(bit);
    return Verdict::granted;
  }
  const Stage& stage = context_.stages.front();
  const Rights rights = entry.rights[0];
  const bool own_stage_grants = stage.format == nullptr || check(*stage.format, stage.controls, rights,
                                                                 stage_access(wanted, 0, rights)) == FaultCause::none;
  return own_stage_grants ? Verdict::ask_memory : Verdict::refused;
}

void Mmu::drop_page(Addr address) {
  const TlbInvalidation page{.address = address, .asid = context_.tag.asid, .vmid = context_.tag.vmid};
  itlb_.invalidate(page);
  dtlb_.invalidate(page);
  if (stlb_) stlb_->invalidate(page);
}

void Mmu::visit_stats(StatVisitor& v) {
  v.enter("itlb");
  itlb_.visit_stats(v);
  v.leave();
  v.enter("dtlb");
  dtlb_.visit_stats(v);
  v.leave();
  if (stlb_) {
    v.enter("stlb");
    stlb_->visit_stats(v);
    v.leave();
  }
  v.enter("walker");
  walker_.visit_stats(v);
  v.leave();
  v.counter("faults", faults_, kCount, "accesses refused");
  v.counter("page_crossings", crossings_, kCount, "accesses that touched more than one page");
  v.counter("invalidations", invalidations_, kCount, "TLB maintenance operations");
}

void Mmu::visit_probes(ProbeVisitor& v) {
  const auto group = [&v](const char* name, auto& part) {
    v.enter(name);
    part.visit_probes(v);
    v.leave();
  };
  group("itlb", itlb_);
  group("dtlb", dtlb_);
  if (stlb_) group("stlb", *stlb_);
  group("walker", walker_);
}

}  // namespace pagoda
