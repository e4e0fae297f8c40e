// A storage adapter behind a coherent link, as IBM's CAPI flash adapters: software hands it effective addresses.
//
// Models: a bounded number of contexts, each with the translation registers of the software that it was given to and
// with one queue pair in that software's memory (capi_commands.h); commands fetched when a doorbell rings, so many of
// all contexts worked on at a time; data moved line by line, coherently (it enters the system where cores' requests do;
// PSL commands Read_cl_na and Write_na: nothing is kept on the adapter), so many lines under way; effective addresses
// translated by the adapter itself (capi_translation.h), with page faults told to software and the access tried again
// when that has answered. Nothing is pinned and nothing mapped for a transfer. The medium may be flash or the memory of
// another machine. Does not model: the PSL's cache, snoops of cores' private caches (no model of Pagoda's has them: data
// are right, their loss there costs nothing), scheduling of contexts beyond first come first served, interrupts on
// completion (who uses the adapter polls), the master context, resets of the whole adapter.
//
// Timing travels with the call: the adapter has no thread, only a method for what the medium does by itself. The register
// write that rings a doorbell, at a local time, makes all requests that follow from it and tells the context's owner of
// each completion, which lies in the future. A completion is in memory, for who polls, from its time on; as elsewhere,
// bytes move when requests are made. Entries of a response queue lie in the order in which commands were worked on, each
// valid from its own time.
//
// Time of a lone read of n lines (page-in): command fetched [translation + line read] + controller and medium + n line
// writes, one issued each interval + status written + response written. A write: the lines before the medium.
//
// Registers, 8 bytes each, of context c from c x 4096 on (offsets as in sisl_host_map). They are there once the context
// has been given to somebody:
//
//   0x08  status: what went wrong, see CapiError; 0x10: writing a one there clears it
//   0x28  first entry of the response queue; 0x30 its last one: writing it opens the queue, with toggle 1
//   0x38  room: commands that may be submitted now; read only
//   0x50  first entry of the submission queue; 0x58 its last one: writing it opens the queue, empty
//   0x60  head of the submission queue, read only
//   0x68  tail, a doorbell: the address one past the last command; wraps behind the last entry
//   0x70  writing 1 closes both queues
//
// Sockets: `memory` (initiator) to the link, `control` (target) from it. Errors: no such register or context is an
// address error; other sizes than 8 bytes a burst error. What software does wrong ends in the context's status or in the
// command's, and stops nobody else.
#pragma once

#include <optional>
#include <vector>

#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/downlink.h"
#include "pagoda/base/module.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/target_socket.h"
#include "pagoda/devices/capi_commands.h"
#include "pagoda/devices/capi_config.h"
#include "pagoda/devices/capi_engine.h"
#include "pagoda/devices/storage_medium.h"

namespace pagoda {

/// Bits of a context's status register.
enum class CapiError : std::uint8_t {
  bad_queue,      ///< a queue of impossible size or place
  bad_tail,       ///< a doorbell named no entry, or came without queues
  no_room,        ///< more commands than there is room for: those beyond are not taken
  command_fault,  ///< a command could not be read
  status_fault,   ///< a status area could not be written
  response_fault  ///< an entry of the response queue could not be written
};

struct CapiCompletion {
  std::uint16_t context = 0;
  Addr status_area = 0;
  CapiStatus status = CapiStatus::success;
  Ps rung = 0;
  Ps done = 0;  ///< when its response is in memory
  CapiTime time;
};

/// The software that has a context.
class CapiOwner : public CapiFaultHandler {
 public:
  /// As soon as it is known; `done` is in the future.
  virtual void completed(const CapiCompletion& completion) = 0;
};

class CapiAdapter : public Module {
 public:
  static constexpr std::uint64_t kContextRegisters = 4096;  ///< bytes

  tlm_utils::simple_initiator_socket<CapiAdapter> memory{"memory"};
  TargetSocket<CapiAdapter, sc_core::SC_ZERO_OR_MORE_BOUND> control{"control"};

  CapiAdapter(const sc_core::sc_module_name& name, const CapiAdapterConfig& config);

  std::uint32_t contexts() const { return static_cast<std::uint32_t>(contexts_.size()); }
  /// A context for software with these translation registers (no stages: real addresses), which accesses memory with
  /// this privilege; nothing if all are taken. Contexts with the same address-space tag share translations.
  std::optional<std::uint16_t> attach(const MmuContext& software, Privilege privilege, CapiOwner& owner);
  /// Gives it back: its queues are closed and its translations dropped. Commands are all over as far as calls go.
  void detach(std::uint16_t context);

  /// What the coherent link tells the adapter of an invalidation that arrives at `at`: drops translations at once; when
  /// all accesses that used one of them are done.
  Ps invalidate(const TlbInvalidation& what, Ps at) { return engine_.invalidate(what, at); }
  /// Commands that may be submitted to a context at `at`.
  std::uint32_t room(std::uint16_t context, Ps at) const;
  /// When there is room for one, if nothing else is submitted.
  Ps room_at(std::uint16_t context, Ps at) const;

  StorageMedium& medium() { return engine_.medium(); }
  Addr registers(std::uint16_t context) const { return register_base_ + context * kContextRegisters; }

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  // A queue in the software's memory, from its first entry to behind its last one.
  struct Queue {
    Addr first = 0;
    Addr end = 0;  // not open: first
    Addr next = 0;

    bool open(Addr last, std::uint64_t entry_bytes);
    std::uint64_t entries(std::uint64_t entry_bytes) const { return (end - first) / entry_bytes; }
    /// The next entry; the queue then stands behind it.
    Addr take(std::uint64_t entry_bytes);
  };
  enum class State : std::uint8_t { free, attached, open };
  struct Context {
    State state = State::free;
    MmuContext software;
    Privilege privilege = Privilege::user;
    CapiOwner* owner = nullptr;
    Queue submissions, responses;
    Addr tail = 0;
    bool toggle = true;
    std::uint64_t errors = 0;
    std::vector<Ps> under_way;  // when each command is over that may not be yet
    unsigned nesting = 0;       // doorbells being served: a completion may have another rung
    Probe state_probe, depth_probe;
  };

  void end_of_elaboration() override;
  void go_on_with_medium();
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned debug(tlm::tlm_generic_payload& /*payload*/) { return 0; }
  tlm::tlm_response_status access_register(tlm::tlm_generic_payload& payload, Ps at);
  std::optional<std::uint64_t> read_register(const Context& context, Addr offset, Ps at) const;
  bool write_register(std::uint16_t number, Addr offset, std::uint64_t value, Ps at);
  void open_queue(Context& context, Queue& queue, Addr last, std::uint64_t entry_bytes, Ps at);
  void close(Context& context, Ps at);
  void ring(std::uint16_t number, Addr tail, Ps at);
  void work_on(std::uint16_t number, Addr entry, Ps rung);
  CapiEngine::Outcome carry_out(std::uint16_t number, Addr entry, Addr& status_area, Ps& at, CapiTime& time);
  CapiUser user(std::uint16_t number) const;
  static void report(Context& context, CapiError error) { context.errors |= 1u << static_cast<unsigned>(error); }
  std::size_t depth(const Context& context, Ps at) const;

  Addr register_base_;
  Ps register_latency_;
  CapiEngine engine_;
  std::vector<Context> contexts_;
  Servers commands_;
  Ps typical_command_ = 1;
  Downlink below_;
  sc_core::sc_event medium_work_{"medium_work"};

  std::uint64_t attached_ = 0, commands_done_ = 0, failed_ = 0, no_room_ = 0;
  Distribution latency_, depth_;
  CapiTime time_;
  Probe commands_probe_;
};

}  // namespace pagoda
