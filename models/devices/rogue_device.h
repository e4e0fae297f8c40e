// A device that does not keep to address translation services: it attacks memory with translated requests.
//
// Models: translated requests to physical addresses that it makes up, and with translations that it once got and has
// acknowledged the invalidation of; it asks for translations of pages of its window all the time, uses each once as it
// should (so that whoever checks it has its rights at hand), and answers invalidations at once, dropping nothing. One
// attempt after the other, at most one per interval. Does not model:
// requests with another's requester number (links know who sits at them), data (attempts are for time alone).
//
// A translation that has been invalidated may be right again when the page has been given back: a judge, if there is
// one, is asked what the device may do at that moment, and what it may do is no attempt.
//
// Sockets: `dma` (initiator) and `control` (target, for invalidations; other messages are refused). How time is made
// up: that of the requests; the device itself takes none.
#pragma once

#include <functional>
#include <random>

#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/downlink.h"
#include "pagoda/base/module.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/random.h"
#include "pagoda/base/target_socket.h"
#include "pagoda/devices/kept_translations.h"
#include "pagoda/devices/rogue_config.h"

namespace pagoda {

class RogueDevice : public Module {
 public:
  struct Range {
    Addr base = 0;
    std::uint64_t bytes = 0;
  };
  /// Whether the device may make this access now.
  using Judge = std::function<bool(Addr address, std::uint32_t bytes, AccessKind access)>;

  tlm_utils::simple_initiator_socket<RogueDevice> dma{"dma"};
  TargetSocket<RogueDevice, sc_core::SC_ZERO_OR_MORE_BOUND> control{"control"};

  /// `window`: addresses it asks for translations of; `memory`: physical ones that it makes up. Both of whole pages.
  RogueDevice(const sc_core::sc_module_name& name, const RogueConfig& config, Range window, Range memory);

  /// Before the simulation starts.
  void set_judge(Judge judge) { judge_ = std::move(judge); }

  std::uint64_t attempts() const { return forged_ + stale_; }
  std::uint64_t blocked() const { return blocked_; }
  std::uint64_t succeeded() const { return succeeded_; }

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  void end_of_elaboration() override { below_.bind(*dma.operator->()); }
  void execute();
  Ps collect(Ps at);
  Ps forge(Ps at);
  Ps use_stale(Ps at);
  Ps attempt(Addr address, std::uint64_t& counter, Ps at);
  TimedAnswer access(Addr address, AccessKind kind, Ps at);
  Addr draw_address(Addr base, std::uint64_t bytes);
  bool chance(double probability) { return fraction_of(engine_()) < probability; }

  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned debug(tlm::tlm_generic_payload& /*payload*/) { return 0; }

  RogueConfig config_;
  Range window_;
  Range memory_;
  std::mt19937_64 engine_;
  KeptTranslations kept_;
  Judge judge_;
  Downlink below_;
  TransactionPool transactions_;
  std::uint64_t forged_ = 0, stale_ = 0, blocked_ = 0, succeeded_ = 0, rightful_ = 0, lawful_ = 0, granted_ = 0,
                invalidations_ = 0, made_stale_ = 0;
  Distribution blocked_latency_;
  Probe succeeded_probe_, blocked_probe_;
};

}  // namespace pagoda
