#include "pagoda/pim/memory_walker.h"

#include <algorithm>

#include <fmt/format.h>

namespace pagoda {

MemoryWalker::MemoryWalker(const sc_core::sc_module_name& name, const MemoryWalkerConfig& config, Dram& dram,
                           PhysicalMemory& memory)
    : Module(name),
      config_(validated(config, this->name())),
      dram_(dram),
      rows_(config_, dram.timing().config(), dram.timing().address_map(), dram.base()),
      bytes_(memory),
      copies_(config_.tables.everywhere ? dram.base() : rows_.begin(),
              rows_.end() - (config_.tables.everywhere ? dram.base() : rows_.begin()),
              config_.recall.at(dram.timing().clocks().period)) {
  const DramConfig& memory_config = dram.timing().config();
  const Ps period = memory_config.timings.t_ck.ps;
  const WalkTablesSite site{.dram = dram.timing(),
                            .base = dram.base(),
                            .rows = rows_,
                            .bytes = bytes_,
                            .copies = copies_,
                            .select = config_.select.value_or(memory_config.timings.t_ccd_l).at(period),
                            .decode = config_.decode.at(period)};
  for (std::uint32_t channel = 0; channel < rows_.channels(); ++channel) {
    engines_.push_back(std::make_unique<WalkEngine>(config_, site, channel));
  }
  dram.attach(*this);
}

void MemoryWalker::execute(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  auto* command = payload.get_extension<MemoryWalkCommand>();
  if (command == nullptr) {
    payload.set_response_status(tlm::TLM_COMMAND_ERROR_RESPONSE);
    return;
  }
  const Addr address = payload.get_address();
  WalkEngine& engine = *engines_[rows_.channel_of(address)];
  const Ps at = local_time(delay);
  const Ps floor = kernel_now();
  WalkEngine::Answer answer{};
  switch (command->kind) {
    case MemoryWalkCommand::Kind::walk: answer = engine.walk(*command, address, at); break;
    case MemoryWalkCommand::Kind::invalidate: {
      Ps dropped = at;
      for (const auto& each : engines_) dropped = std::max(dropped, each->invalidate(command->invalidation, at, floor));
      answer = engine.acknowledge(address, dropped);
      break;
    }
    case MemoryWalkCommand::Kind::lookup: answer = engine.look_up(command->lookup, at, floor); break;
  }
  dram_.count_inside(Origin::walk, answer.table_bytes);
  dram_.count_inside(Origin::demand, answer.data_bytes);
  delay = delay_until(answer.done);
  const AttributesOf attributes(payload);
  attributes->time[TimePart::walk] += answer.done - at;
  payload.set_data_length(answer.bytes);
  payload.set_response_status(answer.status);
}

void MemoryWalker::on_access(const TimedRequest& request) {
  if (!rows_.reaches(request.address)) return;
  copies_.note(request.address);
  if (request.is_write()) engines_[rows_.channel_of(request.address)]->on_write(request.address, request.bytes);
}

WalkTableCounters MemoryWalker::table_counters() {
  WalkTableCounters sum;
  for (const auto& engine : engines_) sum += engine->table_counters();
  return sum;
}

Energy MemoryWalker::energy() {
  double joules = 0;
  for (const auto& engine : engines_) joules += engine->energy().joules;
  return {joules};
}

// A memory of one channel has no group for it.
template <class Visitor, class Visit>
void MemoryWalker::for_each_channel(Visitor& visitor, Visit visit) {
  for (std::size_t channel = 0; channel < engines_.size(); ++channel) {
    if (engines_.size() > 1) visitor.enter(fmt::format("channel{}", channel).c_str());
    visit(*engines_[channel]);
    if (engines_.size() > 1) visitor.leave();
  }
}

void MemoryWalker::visit_stats(StatVisitor& v) {
  for_each_channel(v, [&v](WalkEngine& engine) { engine.visit_stats(v); });
  v.enter("host_copies");
  copies_.visit_stats(v);
  v.leave();
}

void MemoryWalker::visit_probes(ProbeVisitor& v) {
  for_each_channel(v, [&v](WalkEngine& engine) { engine.visit_probes(v); });
}

}  // namespace pagoda
