// The part of a storage adapter on a coherent link that carries out commands: moves data between memory and medium.
//
// Models: transfers cut at multiples of a line, one line issued per interval while fewer than so many are under way;
// every line's effective address translated by the adapter (capi_translation.h); a refused access told to software,
// which takes a while to get there, and made again when software has answered, some times at most; commands that are
// given up when their time-out passes before their data have moved. Lines that are asked for late but are earlier in time
// fit into gaps as long as the last line took, so with users ahead of each other a few more than the limit may be under
// way. Does not model: several engines' own buffers.
//
// A transfer's time is that of its last line, and what passed until that was issued.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pagoda/base/downlink.h"
#include "pagoda/devices/capi_commands.h"
#include "pagoda/devices/capi_config.h"
#include "pagoda/devices/capi_translation.h"
#include "pagoda/devices/storage_medium.h"

namespace pagoda {

/// Where the time of a command went. The parts add up to it.
struct CapiTime {
  Ps queue = 0;        ///< waiting for a place on the adapter, for something busy on the link or in memory, for a die
  Ps link = 0;         ///< on the link, and between the lines of a transfer
  Ps translation = 0;  ///< look-ups, walks, and page faults with what software took for them
  Ps memory = 0;       ///< caches and memory of the host
  Ps media = 0;

  Ps total() const { return queue + link + translation + memory + media; }
  CapiTime& operator+=(const CapiTime& other);
};

/// Who maps pages that an adapter asks for.
class CapiFaultHandler {
 public:
  struct Answer {
    bool resolved = false;  ///< try again; otherwise the command fails
    Ps resume = 0;
  };

  virtual ~CapiFaultHandler() = default;
  /// The adapter's access to an effective address of a context was refused; software learns of it at `at`. May
  /// invalidate translations.
  virtual Answer adapter_fault(std::uint16_t context, const Fault& fault, Ps at) = 0;
};

/// On whose behalf the adapter works. `floor`: kernel time.
struct CapiUser {
  std::uint16_t context;
  const MmuContext& software;
  Privilege privilege;
  CapiFaultHandler& faults;
  Ps floor;
};

class CapiEngine {
 public:
  struct Transfer {
    Ps done;
    bool ok = true;
    Addr fault_address = 0;  ///< if not
    CapiTime time{};
  };
  struct Outcome {
    CapiStatus status = CapiStatus::success;
    Addr fault_address = 0;
  };

  explicit CapiEngine(const CapiAdapterConfig& config);

  /// The way to memory. Before the simulation starts.
  void connect(Downlink& below) { below_ = &below; }
  StorageMedium& medium() { return *medium_; }

  /// Moves bytes from (write: to) memory, beginning at `at`.
  Transfer move(const CapiUser& user, Addr effective, std::span<unsigned char> bytes, bool write, Ps at);
  /// Carries a command out. Moves `at` to when that is done and adds to `time` where the time went.
  Outcome execute(const CapiUser& user, const CapiCommand& command, Ps& at, CapiTime& time);
  Ps invalidate(const TlbInvalidation& what, Ps at) { return translation_.invalidate(what, at); }

  void visit_stats(StatVisitor& visitor, Ps now);
  void visit_probes(ProbeVisitor& visitor);

 private:
  struct Line {
    Ps done;
    bool ok = true;
    Ps faults = 0;  // time in software
    TimeSplit time{};
  };

  Line move_line(const CapiUser& user, Addr effective, std::span<unsigned char> bytes, bool write, Ps at);
  Outcome check(const CapiUser& user, const CapiCommand& command) const;
  Outcome read(const CapiUser& user, const CapiCommand& command, Ps deadline, Ps& at, CapiTime& time);
  Outcome write(const CapiUser& user, const CapiCommand& command, Ps deadline, Ps& at, CapiTime& time);
  static Outcome take(const MediumAnswer& answer, Ps deadline, Ps& at, CapiTime& time);
  MediumRequest range_of(const CapiUser& user, const CapiCommand& command, Ps at) const;

  std::uint32_t requester_;
  std::uint64_t line_;
  std::uint64_t max_transfer_;
  Ps interval_;
  Ps fault_report_;
  std::uint32_t fault_attempts_;
  CapiTranslation translation_;
  std::unique_ptr<StorageMedium> medium_;
  Downlink* below_ = nullptr;
  Servers issue_{1};
  Servers lines_;
  Ps typical_line_ = 1;
  std::vector<unsigned char> buffer_;

  std::uint64_t reads_ = 0, writes_ = 0, discards_ = 0, bytes_in_ = 0, bytes_out_ = 0, lines_moved_ = 0, line_wait_ = 0,
                faults_ = 0, fault_time_ = 0, faults_refused_ = 0, given_up_ = 0;
  Probe lines_probe_, faults_probe_;
};

}  // namespace pagoda
