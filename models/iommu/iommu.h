// A RISC-V IOMMU between devices and memory, bounded and timed.
//
// Models: the RISC-V IOMMU Architecture Specification 1.0 with its registers, command, fault and page-request queues,
// interrupts, performance counters and debug translation as real bytes (iommu_register_file.h), the translation of
// requests in time (iommu_engine.h), PCIe ATS messages (ats_message.h), MSIs to interrupt files and to files kept in
// memory, and Pagoda's own additions: DMA control in page-table entries (dma_control.h), tables in x86-64 and EPT
// formats, a guard that checks translated requests (translated_guard.h).
//
// Sockets: `devices` (target, any number) takes reads, writes and ATS messages, `memory` (initiator) carries what is
// translated, `tables` (optional; else memory) the IOMMU's own accesses, `registers` (target, optional) is its register
// page. `to_devices` (initiator, any number) leads to devices or links that know whose a message is, for invalidations
// and page responses. b_transport adds time and never waits; commands, debug translations and responses to devices are
// the work of its own threads. A device is known by Attributes::requester, a process by ::pasid if ::has_pasid; without
// a process, privilege does not count. A request that crosses pages is translated as a whole before any part of it is
// carried out. No DMI; transport_dbg is refused, as nobody can say whose it would be.
//
// Interrupt files in memory (RISC-V AIA 1.0, "MSI PTE, MRIF mode"): an aligned write of 4 bytes is recorded or
// discarded, an aligned read of 4 bytes gives 0, all else is refused. A request for time alone says nothing of its data
// and is discarded.
//
// How time is made up: a request takes what the engine takes, then what memory takes. A register access takes its
// latency; what it starts, starts then (queues that software enables before the simulation are on when it starts). A
// command is fetched from memory, decoded, and executed; an invalidation takes its cost and until the translations
// under way are done; a fence waits for completions of devices and, if asked, for the accesses that have been let
// through.
//
// Memory that waits inside b_transport, as TLM-2.0 allows: a call is under way until it returns, and invalidations,
// fences and changes of the directory wait for it.
//
// Errors: an access refused by the guard, by a fault or as unsupported returns TLM_ADDRESS_ERROR_RESPONSE with
// Attributes::fault set; faults go to the fault queue as the specification says. A payload that neither reads nor
// writes, and is no message, is a command error.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include <tlm_utils/multi_passthrough_initiator_socket.h>
#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/ats_message.h"
#include "pagoda/base/downlink.h"
#include "pagoda/base/module.h"
#include "pagoda/base/target_socket.h"
#include "pagoda/iommu/calls_under_way.h"
#include "pagoda/iommu/in_turn.h"
#include "pagoda/iommu/iommu_engine.h"
#include "pagoda/iommu/iommu_register_file.h"
#include "pagoda/iommu/structure_port.h"
#include "pagoda/iommu/translated_guard.h"
#include "pagoda/mmu/translated_sender.h"

namespace pagoda {

class Iommu : public Module, private IommuRegisterFile::Listener, private TimedTarget {
 public:
  TargetSocket<Iommu> devices{"devices"};
  TargetSocket<Iommu, sc_core::SC_ZERO_OR_MORE_BOUND> registers{"registers"};
  tlm_utils::simple_initiator_socket<Iommu> memory{"memory"};
  tlm_utils::simple_initiator_socket_optional<Iommu> tables{"tables"};
  tlm_utils::multi_passthrough_initiator_socket<Iommu, 32, tlm::tlm_base_protocol_types, 0,
                                                sc_core::SC_ZERO_OR_MORE_BOUND>
      to_devices{"to_devices"};

  Iommu(const sc_core::sc_module_name& name, const IommuConfig& config);
  ~Iommu() override;

  /// Messages for the device go to the `output`-th target bound to to_devices. If there is only one, it gets those for
  /// all others too.
  void attach(int output, std::uint32_t device_id) { outputs_[device_id] = output; }
  /// Binds `target` to to_devices and attaches the device to it.
  template <class Target>
  void connect(std::uint32_t device_id, Target& target) {
    to_devices.bind(target);
    attach(connected_++, device_id);
  }
  /// Asked about translated requests from now on; null: they are trusted.
  void set_guard(TranslatedGuard* guard) { guard_ = guard; }
  /// Told of every request and what it is answered, from within the call.
  void observe(std::function<void(const IommuRequest&, const IommuAnswer&)> observer) {
    observer_ = std::move(observer);
  }
  /// Interrupt wires, by vector.
  const sc_core::sc_signal<bool>& wire(unsigned vector) const { return *wires_.at(vector); }

  /// Power-on reset, with other capabilities: registers and caches lose what they hold. What is under way goes on; with
  /// memory that waits, nothing may be.
  void reset(const IommuCapabilities& capabilities);

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  struct Response {  // to a device, to be sent
    Ps at;
    std::uint32_t device_id;
    std::optional<std::uint32_t> process_id;
    std::uint16_t group;
    PageResponse response;
  };
  struct WireChange {
    Ps at;
    unsigned vector;
    bool level;
  };
  struct FaultToWrite {
    FaultRecord record;
    Ps at;
  };
  struct PageRequestToWrite {
    PageRequestRecord record;
    bool with_process;  // its answer, if it cannot be written
    Ps at;
  };

  void end_of_elaboration() override;

  // Requests (iommu.cc).
  void device_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned refuse_debug(tlm::tlm_generic_payload& payload);
  TimedAnswer access(TimedRequest& request, Ps at) override;
  template <class Sender>
  TimedAnswer serve(TimedRequest& request, Ps at, tlm::tlm_generic_payload* payload, Sender sender);
  template <class Sender>
  TimedAnswer serve_crossing(TimedRequest& request, Ps at, Sender& sender);
  template <class Sender>
  TimedAnswer send(TimedRequest& request, const TranslatedPiece& piece, Sender& sender);
  bool translate_again(const TimedRequest& request, TranslatedPiece& piece);
  bool translate(const TimedRequest& request, TranslatedPiece& piece, IommuAnswer& answer);
  bool pass_guard(const TimedRequest& request, TranslatedPiece& piece, IommuAnswer& answer);
  TimedAnswer access_mrif(const TimedRequest& request, tlm::tlm_generic_payload* payload, const IommuAnswer& file,
                          Ps at);
  Ps record_msi(const TimedRequest& request, std::uint32_t identity, const IommuAnswer& file, Ps at);
  IommuEngine::Outcome look_up(const IommuRequest& request, Ps floor, Ps at, TimeSplit& time);

  // Messages (iommu_messages.cc).
  void take_message(tlm::tlm_generic_payload& payload, const Attributes& attributes, AtsMessage& message,
                    TimeSplit& time, sc_core::sc_time& delay);
  Ps take_page_request(const PageRequestRecord& record, TimeSplit& time, Ps at);
  void write_page_request(const PageRequestToWrite& request);
  tlm::tlm_response_status answer_translation_request(const IommuRequest& request, AtsMessage& message, TimeSplit& time,
                                                      Ps& at);
  void answer_later(const PageRequestRecord& record, PageResponse response, bool with_process, Ps at);
  tlm::tlm_response_status send_message(std::uint32_t device_id, std::optional<std::uint32_t> process_id, Addr address,
                                        AtsMessage& message, Ps& at);
  void send_responses();

  // The agent (iommu_agent.cc).
  void run_agent();
  void run_command(Addr address);
  void execute(const IotinvalVma& command);
  void execute(const IotinvalGvma& command);
  void execute(const IofenceC& command);
  void execute(const IodirInvalDdt& command);
  void execute(const IodirInvalPdt& command);
  void execute(const AtsInval& command);
  void execute(const AtsPrgr& command);
  void execute(const IllegalCommand& command);
  template <class Forget>
  void invalidate(Latency cost, Forget forget);
  void change_directory();
  void run_debug_translation();
  void wait_until(Ps time);

  // What software sees (iommu_interface.cc).
  StructurePort own_port() { return {tables_below_, 0, kernel_now()}; }
  void count(const IommuRequest& request, const IommuEngine::Events& events, Ps at);
  void report(const FaultRecord& record, Ps at);
  void write_fault(const FaultToWrite& fault);
  void register_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned debug_registers(tlm::tlm_generic_payload& payload);
  unsigned access_registers(tlm::tlm_generic_payload& payload);
  void directory_written(IommuMode before) override;
  void queue_switched(IommuQueue& queue) override;
  void commands_waiting() override;
  void translation_requested() override;
  void dma_control_written() override;
  void interrupt(const InterruptRequest& request) override;
  void move_wires();
  void finish_switches();
  void watch_cycles();

  IommuConfig config_;
  int connected_ = 0;  // devices
  IommuEngine engine_;
  std::unique_ptr<IommuRegisterFile> registers_file_;
  TranslatedGuard* guard_ = nullptr;
  std::function<void(const IommuRequest&, const IommuAnswer&)> observer_;
  Downlink memory_below_;
  Downlink tables_below_;
  std::map<std::uint32_t, int> outputs_;  // by device
  std::vector<std::unique_ptr<sc_core::sc_signal<bool>>> wires_;
  std::vector<WireChange> wire_changes_;  // in the order in which they were decided
  std::vector<Response> responses_;
  CallsUnderWay calls_;
  InTurn<FaultToWrite> fault_writer_;
  InTurn<PageRequestToWrite> page_request_writer_;
  sc_core::sc_event agent_event_{"agent_event"};
  sc_core::sc_event response_event_{"response_event"};
  sc_core::sc_event wire_event_{"wire_event"};
  sc_core::sc_event switch_event_{"switch_event"};
  sc_core::sc_event cycles_event_{"cycles_event"};

  Ps local_now_ = 0;  // of what is being done, for what it starts
  Ps reads_until_ = 0, writes_until_ = 0, messages_until_ = 0, faults_until_ = 0, page_requests_until_ = 0;
  bool messages_lost_ = false;       // an invalidation has not been completed by its device
  bool directory_changing_ = false;  // for the agent
  bool pages_changing_ = false;
  bool debug_waiting_ = false;
  bool command_under_way_ = false;

  std::uint64_t refused_ = 0, denied_ = 0, guard_refused_ = 0, crossings_ = 0, records_ = 0, records_dropped_ = 0;
  std::uint64_t page_requests_ = 0, page_requests_dropped_ = 0, commands_ = 0, messages_ = 0, interrupts_ = 0,
                mrif_stores_ = 0;
  Distribution command_latency_, fence_latency_;
  Probe blocked_probe_, commands_probe_, fault_queue_probe_, page_request_queue_probe_;
};

}  // namespace pagoda
