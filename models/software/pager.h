// A pager: memory larger than its frames, whose pages move to a volume and back as programs touch them.
//
// Models: pages of 4 KiB of any number of processes in a bounded number of frames; the fault path of a thread that
// touches a page on the volume: choose a victim, take it out of the tables, order it out if it is dirty and the wanted
// page in, through a way to the volume that belongs to the hardware thread (a context each) or to all (a queue), wait
// by polling or asleep, map, resume. While pages move for a polling thread its hardware priority can be low. Clean
// victims that have a copy are not written; a thread that touches a page which another brings waits for that one's
// transfer; a page that is touched on its way out stays in memory; moves that fail are tried again, and then the page
// stays where it is valid and the program ends, as by SIGBUS. Pages come ahead of their use if asked for; pages that
// devices hold stay. Fewer contexts than threads: those who share one take turns. Does not model: a daemon that evicts
// in the background (each fault evicts as many pages as the reserve lacks), pages shared between processes, large
// pages, code of the pager's own that faults.
//
// Time of a fault: entry and look-up + victims (looks, shootdown) + waiting for a context or a frame + the order's own
// time (page_mover.h) + noticing + mapping; the parts are counted, and add up. It passes in the program's own thread,
// at kernel time.
//
// Checked at every step and at the end (page_ledger.h, verify()): a page is valid in one place, a frame is used again
// only when its contents are safe, what comes in is what went out; a context is used by the hardware thread that it
// belongs to.
//
// Errors: InvariantError. A program whose page cannot be had ends; that is counted.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <vector>

#include "pagoda/base/module.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/thread_failure.h"
#include "pagoda/devices/agenda.h"
#include "pagoda/software/os.h"
#include "pagoda/software/page_ledger.h"
#include "pagoda/software/page_mover.h"
#include "pagoda/software/pager_config.h"
#include "pagoda/software/thread_control.h"
#include "pagoda/software/volume_space.h"

namespace pagoda {

/// Where the time of a fault went.
enum class FaultPart : std::uint8_t {
  software,   ///< entry, look-up, choosing, ordering, mapping
  shootdown,  ///< until no core knows the victim's translation
  context,    ///< waiting for one that is shared
  frame,      ///< waiting for one to be free
  other,      ///< waiting for a transfer that another thread has ordered
  page_out,   ///< the victim's transfer, where it is waited for alone
  driver,     ///< the mover's software
  queue,      ///< of the page-in, as all that follow
  translation,
  link,
  memory,
  media,
  retry,  ///< attempts that failed
  notice  ///< from the end of the transfers to this thread going on
};
inline constexpr std::size_t kFaultParts = 14;

class Pager : public Module, public FaultHandler {
 public:
  /// `os` has the tables and handles all other faults.
  Pager(const sc_core::sc_module_name& name, const PagerConfig& config, Os& os, PhysicalMemory& memory,
        std::uint64_t seed);
  ~Pager() override;

  // --- set-up, before the simulation ---

  /// A frame that is the pager's from now on.
  void add_frame(Addr frame) { free_.push_back(frame); }
  struct Access {
    bool exclusive = false;  ///< a thread has its way to itself until its moves have ended
    unsigned threads = 1;    ///< hardware threads of the machine
    Addr window = 0;         ///< added to a frame's address it is what the ways call it
  };
  /// The volume, and the ways to it: each hardware thread has the one of its number, modulo how many there are.
  void set_volume(VolumeSpace& volume, const std::vector<PageMover*>& ways, const Access& access);
  /// Where a page that programs will touch is to be: in memory if there is a frame beyond the reserve, then with a copy
  /// on the volume if asked for; else on the volume. Nothing if there is no room. Its contents, the same in both
  /// places, are the caller's to write; then begin_with().
  struct Placed {
    std::optional<Addr> frame;
    std::optional<std::uint64_t> slot;
  };
  std::optional<Placed> place(PageId page, bool copy);
  void begin_with(PageId page, const Placed& placed, std::span<const unsigned char> contents);

  // --- while it runs ---

  Outcome handle_fault(Processor& processor, const Fault& fault, Ps at) override;
  /// A device transfers to or from the page: it stays in memory until unpin(). False if it is not in memory.
  bool pin(PageId page);
  void unpin(PageId page);

  /// All books agree with the tables, and all pages on the volume hash as when they left: `read` brings 4 KiB of the
  /// volume. When no transfer is under way.
  void verify(const std::function<void(std::uint64_t slot, std::span<unsigned char> to)>& read);
  void rethrow_failure() const { failure_.rethrow(); }

  const PageLedger& ledger() const { return ledger_; }
  std::size_t free_frames() const { return free_.size(); }
  std::size_t transfers() const { return moving_; }
  std::uint64_t faults() const { return latency_.count(); }

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  struct Transfer;
  struct Way;
  struct FaultTime;
  struct Page;

  Page* find(PageId page);
  Page& make(PageId page);

  // The fault path, in pager.cc.
  struct Evicted {
    Transfer* out = nullptr;  ///< if it must be written
    bool any = false;         ///< whether there was a page that could go
  };
  bool bring(Page& page, Processor& processor, FaultTime& time);
  bool bring_from_volume(Page& page, Processor& processor, FaultTime& time);
  bool bring_new(Page& page, Processor& processor, FaultTime& time);
  void account(const Transfer& in, const std::vector<Transfer*>& outs, FaultTime& time) const;
  std::vector<Transfer*> make_room(Way& way, Processor& processor, FaultTime& time);
  std::optional<Addr> take_frame(Way& way, Processor& processor, FaultTime& time);
  Evicted evict(Way& way, Processor& processor, FaultTime& time);
  std::optional<std::uint64_t> slot_for(Page& page);
  void read_ahead(const Page& page, Way& way, ThreadControl& thread);
  void wait_until_ended(ThreadControl& thread, Transfer& transfer);
  void wait_on(ThreadControl& thread, const sc_core::sc_event& event);
  Way& acquire_for(Page& page, ThreadControl& thread, FaultTime& time);
  void release(Way& way);

  // Moves and what ends with them, in pager_moves.cc.
  Transfer& begin(MoveDirection direction, Page& page, Addr frame, Way& way);
  Ps order(Transfer& transfer);
  void ended(Transfer& transfer);
  void out_ended(Transfer& out, bool ok);
  void in_ended(Transfer& in, bool ok);
  void let_go(Transfer& transfer);
  void give_back(Transfer& transfer);
  void map(Page& page, bool dirty);
  void come(Page& page);
  Addr pop_frame();
  void free_frame(Addr frame);
  void run_agenda();
  std::span<unsigned char> bytes_of(Addr frame) { return {memory_.data(frame), kPageBytes}; }

  PagerConfig config_;
  Os& os_;
  PhysicalMemory& memory_;
  VolumeSpace* volume_ = nullptr;
  Addr window_ = 0;
  VictimList victims_;
  PageLedger ledger_;
  boost::unordered_flat_map<std::uint64_t, std::unique_ptr<Page>> pages_;
  std::vector<Addr> free_;
  std::vector<std::unique_ptr<Way>> ways_;
  std::vector<std::unique_ptr<Transfer>> all_transfers_;
  std::vector<Transfer*> spare_transfers_;
  std::size_t leaving_ = 0;  // frames whose pages are on their way out
  std::size_t wanting_ = 0;  // faults that have no frame yet
  std::size_t coming_ = 0;   // frames whose pages are not mapped yet
  std::size_t moving_ = 0;
  sc_core::sc_event frame_freed_;
  Agenda agenda_;
  sc_core::sc_event agenda_event_;
  std::deque<Transfer*> refused_;  // by a queue that was full
  ThreadFailure failure_;

  Distribution latency_;
  std::array<std::uint64_t, kFaultParts> parts_{};
  std::uint64_t new_pages_ = 0, joined_ = 0, spurious_ = 0, outs_ = 0, ins_ = 0, clean_ = 0, looks_ = 0, rescued_ = 0,
                retries_ = 0, failed_outs_ = 0, failed_ins_ = 0, volume_full_ = 0, no_victim_ = 0, no_frame_ = 0,
                ended_ = 0, ahead_ = 0, copies_given_up_ = 0;
  Ps measured_from_ = 0;
  Probe faults_probe_, out_probe_, in_probe_, free_probe_;
};

}  // namespace pagoda
