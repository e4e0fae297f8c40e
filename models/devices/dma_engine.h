// A device: a function (device_function.h) with its DMA engine, its registers and its side of address translation
// services, behind TLM-2.0 sockets.
//
// Models: see dma_channel.h, atc.h and the function. Runs as an SC_THREAD, ahead of the kernel by at most the global
// quantum (with the boundaries of tlm_utils::tlm_quantumkeeper): work that is due later than that waits for the
// kernel. A request and what its translation needs are one chain of calls. Does not model: configuration space,
// resets, power.
//
// Registers of the engine itself, beside the function's: 0x7f0, writing 1 suspends the device (what was issued goes on to
// its end, nothing more is issued; as the STOP state of VFIO migration), 0 lets it go on; reads 0: running, 1: suspended
// with requests under way, 2: suspended and quiet. From 0x800 on those of the dirty logger (dirty_logger.h), if it has
// one, whose interrupts are those from 8 on and whose requests come from the same requester, without a PASID and
// untranslated.
//
// Sockets: `dma` (initiator) sends requests with Attributes (requester, PASID, privilege, translated) and messages
// (base/ats_message.h). A request with data is a payload of its own; without, the short way is taken where there is
// one. `control` (target) takes registers, 4 or 8 bytes at a multiple of their size (4 written bytes stand for 8 with
// zeros above), and the IOMMU's messages: invalidations, whose delay ends when DMA under way is done, and page
// responses. transport_dbg reads and writes no registers.
//
// A request to memory that waits inside b_transport, as TLM-2.0 allows, is under way until it returns: an invalidation
// from another thread waits for it; one made within the call of that very request cannot.
//
// Errors: no such register, and messages to a device without an ATC: TLM_ADDRESS_ERROR_RESPONSE; a register access of
// another size: TLM_BURST_ERROR_RESPONSE; without data: TLM_GENERIC_ERROR_RESPONSE.
#pragma once

#include <functional>
#include <memory>

#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/downlink.h"
#include "pagoda/base/module.h"
#include "pagoda/base/target_socket.h"
#include "pagoda/base/thread_failure.h"
#include "pagoda/devices/device_function.h"
#include "pagoda/devices/dirty_logger.h"

namespace pagoda {

class DmaEngine : public Module, private HostPort, private DeviceServices {
 public:
  static constexpr Addr kSuspend = 0x7f0;
  static constexpr Addr kLog = 0x800;
  static constexpr std::uint32_t kLogInterrupt = 8;

  tlm_utils::simple_initiator_socket<DmaEngine> dma{"dma"};
  TargetSocket<DmaEngine, sc_core::SC_ZERO_OR_MORE_BOUND> control{"control"};

  DmaEngine(const sc_core::sc_module_name& name, const DmaConfig& config);

  /// What the device does. Before the simulation starts; the function outlives it.
  void run(DeviceFunction& function);
  /// Where interrupts go that are not written to memory.
  void connect_interrupts(InterruptSink& sink) { sink_ = &sink; }
  /// Called once, when the function has ended and time has reached its end.
  void on_finish(std::function<void()> callback) { finish_callback_ = std::move(callback); }

  /// Throws what ended the device's thread early, if anything did.
  void rethrow_failure() const { failure_.rethrow(); }

  /// See DmaChannel.
  Ps summed_latency() const { return channel_.summed_latency(); }
  Ps accounted_time() const { return channel_.accounted_time(); }
  std::uint64_t bytes() const { return channel_.bytes(); }
  const Distribution& latency() const { return channel_.latency(); }
  /// Of the dirty logger's own requests.
  std::uint64_t log_bytes() const { return log_ ? log_->own.bytes() : 0; }

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  static constexpr Addr kRegisterBytes = 4096;

  // The dirty logger with a channel of its own, so that its traffic never waits for the writes that wait for it.
  struct Log final : DeviceServices {
    Log(DmaEngine& owner, const DmaConfig& config);
    DmaChannel& channel() override { return own; }
    Ps floor() const override { return engine.floor(); }
    void post(Ps at, AgendaTask& task) override { engine.post(at, task); }
    void raise_interrupt(std::uint32_t vector, Ps at) override { engine.raise_interrupt(kLogInterrupt + vector, at); }
    void finish(Ps /*at*/) override {}

    DmaEngine& engine;
    DmaChannel own;
    DirtyLogger logger;
  };

  void end_of_elaboration() override { below_.bind(*dma.operator->()); }
  void execute();
  void run_tasks(Ps end);
  void wait_for_work();

  TimedAnswer access(TimedRequest& request, Ps at, unsigned char* bytes) override;
  Translation translate(const TimedRequest& cause, bool no_write, Ps at) override;
  TimedAnswer request_page(const TimedRequest& cause, std::uint16_t group, Ps at) override;
  TimedAnswer send(AtsMessage& message, const TimedRequest& cause, Ps at);

  DmaChannel& channel() override { return channel_; }
  Ps floor() const override { return kernel_now(); }
  void post(Ps at, AgendaTask& task) override;
  void raise_interrupt(std::uint32_t vector, Ps at) override;
  void finish(Ps at) override;

  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  void receive(tlm::tlm_generic_payload& payload, const AtsMessage& message, sc_core::sc_time& delay);
  std::optional<Ps> invalidate(const AtcInvalidation& what, Ps at);
  bool write_register(Addr offset, std::uint64_t value, Ps at);
  std::optional<std::uint64_t> read_register(Addr offset, Ps at);
  tlm::tlm_response_status access_register(tlm::tlm_generic_payload& payload, Ps at);
  unsigned debug(tlm::tlm_generic_payload& /*payload*/) { return 0; }

  std::uint32_t requester_;
  Addr register_base_;
  Ps register_latency_;
  Agenda agenda_;
  DmaChannel channel_;
  std::unique_ptr<Log> log_;
  Mailbox<bool> suspend_;
  Downlink below_;
  TransactionPool transactions_;
  DeviceFunction* function_ = nullptr;
  InterruptSink* sink_ = nullptr;
  sc_core::sc_event work_;
  sc_core::sc_process_handle thread_;
  bool in_task_ = false;  // the thread will look at the agenda without being told

  bool under_way_ = false;      // a request that has not returned
  std::uint64_t returned_ = 0;  // requests
  Ps returned_done_ = 0;        // when the last of them is done
  sc_core::sc_event request_returned_;

  bool finished_ = false;
  Ps finished_at_ = 0;
  std::function<void()> finish_callback_;
  ThreadFailure failure_;
};

}  // namespace pagoda
