#include "pagoda/mmu/mmu.h"

#include <algorithm>

#include "pagoda/paging/run_walk.h"

namespace pagoda {
namespace {

bool cacheable(MemoryType type) {
  return type == MemoryType::platform || type == MemoryType::write_back || type == MemoryType::write_through ||
         type == MemoryType::write_protected;
}

tlm::tlm_response_status response_to(const Fault& fault) {
  return fault.cause == FaultCause::permission ? tlm::TLM_COMMAND_ERROR_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE;
}

AccessKind kind_of(const tlm::tlm_generic_payload& payload, const Attributes& attributes) {
  if (payload.is_write()) return AccessKind::write;
  return attributes.access == AccessKind::fetch ? AccessKind::fetch : AccessKind::read;
}

}  // namespace

/// Page tables as the walker reaches them: 8-byte accesses through a socket.
class Mmu::Tables final : public TableMemory {
 public:
  Tables(Mmu& mmu, Below& below, std::uint32_t requester) : mmu_(mmu), below_(below), requester_(requester) {}

  Answer read(Addr address, Ps at) override {
    Answer answer;
    access(tlm::TLM_READ_COMMAND, address, &answer.value, at, answer);
    return answer;
  }

  // Nothing else runs between the look at the old value and the write: neither waits.
  Answer compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired, Ps at) override {
    Answer answer;
    tlm::tlm_generic_payload peek;
    peek.set_read();
    peek.set_address(address);
    peek.set_data_ptr(reinterpret_cast<unsigned char*>(&answer.value));
    peek.set_data_length(sizeof answer.value);
    if (below_.transport_dbg(peek) == sizeof answer.value && answer.value != expected) {
      answer.swapped = false;
      access(tlm::TLM_READ_COMMAND, address, &answer.value, at, answer);
      return answer;
    }
    answer.value = desired;
    access(tlm::TLM_WRITE_COMMAND, address, &answer.value, at, answer);
    return answer;
  }

 private:
  void access(tlm::tlm_command command, Addr address, std::uint64_t* value, Ps at, Answer& answer) {
    const auto transaction = mmu_.transactions_.lease();
    transaction->prepare(command, address, sizeof *value, reinterpret_cast<unsigned char*>(value));
    transaction->attributes.requester = requester_;
    transaction->attributes.access = command == tlm::TLM_READ_COMMAND ? AccessKind::read : AccessKind::write;
    transaction->attributes.privilege = Privilege::supervisor;
    transaction->attributes.origin = Origin::walk;
    sc_core::sc_time delay = delay_until(at);
    below_.b_transport(transaction->payload, delay);
    answer.done = local_time(delay);
    if (transaction->payload.is_response_error()) answer.refused = FaultCause::access_error;
  }

  Mmu& mmu_;
  Below& below_;
  std::uint32_t requester_;
};

Mmu::Mmu(const sc_core::sc_module_name& name, const MmuConfig& config)
    : Module(name),
      itlb_(validated(config, this->name()).itlb, config.period()),
      dtlb_(config.dtlb, config.period()),
      walker_(config.walker, config.period()),
      invalidate_page_(config.maintenance.page.at(config.period())),
      invalidate_all_(config.maintenance.all.at(config.period())) {
  if (config.stlb) stlb_.emplace(*config.stlb, config.period());
  data.serve(this, &Mmu::data_transport, &Mmu::debug);
  fetch.serve(this, &Mmu::fetch_transport, &Mmu::debug);
}

void Mmu::set_context(MmuContext context) {
  context_ = std::move(context);
  translating_ = std::any_of(context_.stages.begin(), context_.stages.end(),
                             [](const Stage& stage) { return stage.format != nullptr; });
}

Ps Mmu::invalidate(const TlbInvalidation& what, Ps at) {
  ++invalidations_;
  itlb_.invalidate(what);
  dtlb_.invalidate(what);
  if (stlb_) stlb_->invalidate(what);
  walker_.invalidate(what);
  return at + (what.address ? invalidate_page_ : invalidate_all_);
}

void Mmu::end_of_elaboration() {
  data_below_ = data_memory.operator->();
  fetch_below_ = fetch_memory.size() > 0 ? fetch_memory.operator->() : data_below_;
  tables_below_ = walk_memory.size() > 0 ? walk_memory.operator->() : data_below_;
}

void Mmu::data_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const Attributes* attributes = payload.get_extension<Attributes>();
  const bool is_fetch = attributes != nullptr && attributes->access == AccessKind::fetch && !payload.is_write();
  serve(payload, delay, is_fetch ? itlb_ : dtlb_, *data_below_);
}

void Mmu::fetch_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  serve(payload, delay, itlb_, *fetch_below_);
}

void Mmu::serve(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay, Tlb& tlb, Below& below) {
  if (!translating_) {
    below.b_transport(payload, delay);
  } else if (Attributes* attributes = payload.get_extension<Attributes>()) {
    serve_known(payload, *attributes, delay, tlb, below);
  } else {  // the caches below are to know whether the page is cacheable
    Attributes own;
    payload.set_extension(&own);
    serve_known(payload, own, delay, tlb, below);
    payload.clear_extension(&own);
  }
}

void Mmu::serve_known(tlm::tlm_generic_payload& payload, Attributes& attributes, sc_core::sc_time& delay, Tlb& tlb,
                      Below& below) {
  const Addr address = payload.get_address();
  const WalkRequest request{.address = address,
                            .access = &tlb == &itlb_ ? AccessKind::fetch : kind_of(payload, attributes),
                            .privilege = attributes.privilege,
                            .allow_user_data = context_.allow_user_data};
  attributes.asid = context_.tag.asid;
  attributes.vmid = context_.tag.vmid;
  if ((address & low_mask(kPageShift)) + payload.get_data_length() > low_mask(kPageShift) + 1) {
    serve_crossing(payload, attributes, request, delay, tlb, below);
    return;
  }
  const Ps floor = kernel_now();
  if (serve_again(payload, attributes, request, delay, tlb, below)) return;
  Piece piece{.at = floor + delay.value(), .length = payload.get_data_length()};
  if (translate(tlb, request, floor, attributes, piece)) {
    attributes.time += piece.time;
    delay = delay_until(piece.at);
    forward(payload, attributes, piece.physical, piece.uncached, below, delay);
    explain_refusal(payload, attributes, request, piece.physical);
  } else {
    refuse(payload, attributes, piece, delay);
  }
}

// What translate() and forward() do for the plainest access, one to the page of the access before, in fewer steps.
// False if this is none.
inline bool Mmu::serve_again(tlm::tlm_generic_payload& payload, Attributes& attributes, const WalkRequest& request,
                             sc_core::sc_time& delay, Tlb& tlb, Below& below) {
  const Stage& stage = context_.stages.front();
  const Addr input = stage.format != nullptr ? stage.canonical(request.address) : request.address;
  const TlbEntry* entry = tlb.find_again(input, context_.tag);
  const Ps floor = kernel_now();
  const Ps at = floor + delay.value();
  const bool plain = entry != nullptr && entry->ready <= at && !request.allow_user_data &&
                     (entry->allowed & TlbEntry::access_bit(request.access, request.privilege)) != 0;
  if (!plain) return false;
  const Ps found = tlb.look(floor, at, attributes.time);
  tlb.count_hit(found);
  delay = to_sc_time(found - floor);
  const Addr physical = entry->output(input);
  forward(payload, attributes, physical, !cacheable(entry->memory_type), below, delay);
  explain_refusal(payload, attributes, request, physical);
  return true;
}

// An access that leaves a 4 KiB page: all of it is translated before any part is carried out.
void Mmu::serve_crossing(tlm::tlm_generic_payload& payload, Attributes& attributes, const WalkRequest& request,
                         sc_core::sc_time& delay, Tlb& tlb, Below& below) {
  const Ps floor = kernel_now();
  const unsigned length = payload.get_data_length();
  Pieces pieces;
  for (unsigned offset = 0; offset < length; offset += pieces.back().length) {
    WalkRequest part = request;
    part.address += offset;
    Piece& piece = pieces.emplace_back(Piece{.at = floor + delay.value(), .offset = offset});
    if (!translate(tlb, part, floor, attributes, piece)) {
      refuse(payload, attributes, piece, delay);
      return;
    }
    const Addr to_page_end = low_mask(piece.page_shift) - (part.address & low_mask(piece.page_shift)) + 1;
    piece.length = static_cast<unsigned>(std::min<Addr>(length - offset, to_page_end));
  }
  if (pieces.size() == 1) {
    const Piece& whole = pieces.front();
    attributes.time += whole.time;
    delay = delay_until(whole.at);
    forward(payload, attributes, whole.physical, whole.uncached, below, delay);
  } else {
    ++crossings_;
    forward_pieces(payload, attributes, pieces, below, delay);
  }
  explain_refusal(payload, attributes, request, pieces.front().physical);
}

// Finds the translation of the page that the request's address lies in; false, with the fault in `attributes`, if there is
// none.
bool Mmu::translate(Tlb& first, const WalkRequest& request, Ps floor, Attributes& attributes, Piece& piece) {
  WalkRequest canonical = request;
  if (context_.stages.front().format != nullptr) canonical.address = context_.stages.front().canonical(request.address);
  const TlbEntry* entry = look_up(first, canonical, floor, attributes, piece);
  if (entry == nullptr) {
    if (attributes.fault) return false;
    TlbEntry found;
    if (const TlbEntry* second = stlb_ ? look_up(*stlb_, canonical, floor, attributes, piece) : nullptr) {
      found = *second;
      found.ready = piece.at;
    } else {
      if (attributes.fault || !walk(request, floor, attributes, piece, found)) return false;
      if (stlb_) stlb_->fill(canonical.address, found);
    }
    entry = first.fill(canonical.address, found);
  }
  piece.physical = entry->output(canonical.address);
  piece.uncached = !cacheable(entry->memory_type);
  piece.page_shift = entry->page_shift;
  return true;
}

bool Mmu::walk(const WalkRequest& request, Ps floor, Attributes& attributes, Piece& piece, TlbEntry& found) {
  Tables tables(*this, *tables_below_, attributes.requester);
  const WalkResult result = walker_.walk(
      {.stages = context_.stages, .tag = context_.tag, .request = request, .floor = floor, .at = piece.at}, tables);
  piece.time[TimePart::queue] += result.start - piece.at;
  piece.time[TimePart::walk] += result.done - result.start;
  piece.at = result.done;
  if (result.fault) attributes.fault = result.fault;
  found = result.entry;
  return !result.fault;
}

// An entry of this TLB that grants the access, once it is there; or null, with the fault if an entry refuses it.
const TlbEntry* Mmu::look_up(Tlb& tlb, const WalkRequest& request, Ps floor, Attributes& attributes, Piece& piece) {
  piece.at = tlb.look(floor, piece.at, piece.time);
  TlbEntry* entry = tlb.find(request.address, context_.tag);
  const Verdict verdict = entry == nullptr ? Verdict::ask_memory : judge(*entry, request);
  if (verdict == Verdict::ask_memory) {
    tlb.count_miss(piece.at, false);
    return nullptr;
  }
  if (entry->ready > piece.at) {  // its walk is still under way: this miss joins it
    tlb.count_miss(piece.at, true);
    walker_.count_merged();
    piece.time[TimePart::walk] += entry->ready - piece.at;
    piece.at = entry->ready;
  } else {
    tlb.count_hit(piece.at);
  }
  if (verdict == Verdict::granted) return entry;
  attributes.fault = {.cause = FaultCause::permission,
                      .access = request.access,
                      .privilege = request.privilege,
                      .granted = static_cast<std::uint8_t>(entry->rights[0]),
                      .virtual_address = request.address,
                      .stage_address = request.address};
  drop_page(request.address);
  return nullptr;
}

Mmu::Verdict Mmu::judge(TlbEntry& entry, const WalkRequest& request) const {
  const unsigned bit = TlbEntry::access_bit(request.access, request.privilege);
  if ((entry.allowed & bit) != 0 && !request.allow_user_data) return Verdict::granted;

  const std::span<const Rights> rights(entry.rights.data(), context_.stages.size());
  if (check_translation(context_.stages, rights, request) != FaultCause::none) {
    const Stage& stage = context_.stages.front();
    const bool own_stage_grants =
        stage.format == nullptr ||
        check(*stage.format, stage.controls, rights[0], stage_access(request, 0, rights[0])) == FaultCause::none;
    return own_stage_grants ? Verdict::ask_memory : Verdict::refused;
  }
  for (std::size_t i = 0; i < rights.size(); ++i) {
    if (context_.stages[i].format != nullptr && !has(rights[i], needed_flags(request.access)))
      return Verdict::ask_memory;
  }
  if (!request.allow_user_data) entry.allowed |= static_cast<std::uint8_t>(bit);
  return Verdict::granted;
}

void Mmu::drop_page(Addr address) {
  const TlbInvalidation page{.address = address, .asid = context_.tag.asid, .vmid = context_.tag.vmid};
  itlb_.invalidate(page);
  dtlb_.invalidate(page);
  if (stlb_) stlb_->invalidate(page);
}

void Mmu::refuse(tlm::tlm_generic_payload& payload, Attributes& attributes, const Piece& piece,
                 sc_core::sc_time& delay) {
  ++faults_;
  attributes.time += piece.time;
  delay = delay_until(piece.at);
  payload.set_response_status(response_to(attributes.fault));
}

inline void Mmu::forward(tlm::tlm_generic_payload& payload, Attributes& attributes, Addr physical, bool uncached,
                         Below& below, sc_core::sc_time& delay) {
  const Addr address = payload.get_address();
  attributes.uncached = uncached;
  payload.set_address(physical);
  below.b_transport(payload, delay);
  payload.set_address(address);
}

void Mmu::forward_pieces(tlm::tlm_generic_payload& payload, Attributes& attributes, const Pieces& pieces, Below& below,
                         sc_core::sc_time& delay) {
  if (payload.get_streaming_width() < payload.get_data_length()) {
    payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
    return;
  }
  Ps done = 0;
  TimeSplit time;
  std::vector<unsigned char> enables;
  for (const Piece& piece : pieces) {
    const auto part = transactions_.lease();
    unsigned char* bytes = payload.get_data_ptr() == nullptr ? nullptr : payload.get_data_ptr() + piece.offset;
    part->prepare(payload.get_command(), piece.physical, piece.length, bytes);
    part->attributes = attributes;
    part->attributes.time = piece.time;
    part->attributes.uncached = piece.uncached;
    if (const unsigned char* enable = payload.get_byte_enable_ptr()) {
      enables.resize(piece.length);
      for (unsigned i = 0; i < piece.length; ++i) {
        enables[i] = enable[(piece.offset + i) % payload.get_byte_enable_length()];
      }
      part->payload.set_byte_enable_ptr(enables.data());
      part->payload.set_byte_enable_length(piece.length);
    }
    sc_core::sc_time part_delay = delay_until(piece.at);
    below.b_transport(part->payload, part_delay);
    payload.set_response_status(part->payload.get_response_status());
    if (const Ps part_done = local_time(part_delay); part_done >= done) {
      done = part_done;
      time = part->attributes.time;
    }
    if (part->payload.is_response_error()) break;
  }
  attributes.time += time;
  delay = delay_until(done);
}

// The translation was granted but memory refused the access itself.
void Mmu::explain_refusal(const tlm::tlm_generic_payload& payload, Attributes& attributes, const WalkRequest& request,
                          Addr physical) const {
  if (!payload.is_response_error() || attributes.fault) return;
  attributes.fault = {.cause = FaultCause::access_error,
                      .stage = static_cast<std::uint8_t>(context_.stages.size()),
                      .access = request.access,
                      .privilege = request.privilege,
                      .virtual_address = request.address,
                      .stage_address = physical};
}

// A debug access: the tables are read without time, flags are not set, and what faults ends the access.
unsigned Mmu::debug(tlm::tlm_generic_payload& payload) {
  struct Peek {
    Below& below;
    EntryRead read(const Step& step) const {
      EntryRead entry;
      tlm::tlm_generic_payload peek;
      peek.set_read();
      peek.set_address(step.address);
      peek.set_data_ptr(reinterpret_cast<unsigned char*>(&entry.value));
      peek.set_data_length(sizeof entry.value);
      if (below.transport_dbg(peek) != sizeof entry.value) entry.refused = FaultCause::access_error;
      return entry;
    }
    EntryUpdate update(const Step& step) const { return {true, step.desired, FaultCause::none}; }
  };

  if (!translating_) return data_below_->transport_dbg(payload);
  const Addr address = payload.get_address();
  const unsigned length = payload.get_data_length();
  unsigned char* const bytes = payload.get_data_ptr();
  const AttributesOf attributes(payload);
  unsigned served = 0;
  while (served < length) {
    Walk walk(context_.stages, {.address = address + served,
                                .access = kind_of(payload, *attributes),
                                .privilege = attributes->privilege,
                                .allow_user_data = context_.allow_user_data});
    Peek peek{*tables_below_};
    if (!run_walk(walk, peek)) break;
    const Translation& translation = walk.translation();
    const Addr left = low_mask(translation.page_shift) - (translation.output & low_mask(translation.page_shift)) + 1;
    const auto part = static_cast<unsigned>(std::min<Addr>(length - served, left));
    payload.set_address(translation.output);
    payload.set_data_ptr(bytes + served);
    payload.set_data_length(part);
    const unsigned done = data_below_->transport_dbg(payload);
    served += done;
    if (done < part) break;
  }
  payload.set_address(address);
  payload.set_data_ptr(bytes);
  payload.set_data_length(length);
  return served;
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
