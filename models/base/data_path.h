// Moves bytes beside the time a module keeps itself, as a cache or a page-table walker does: memory holds the only copy
// of data, so they come from there, without time.
#pragma once

#include <cstdint>
#include <cstring>

#include <tlm>

#include "pagoda/base/access.h"

namespace pagoda {

/// Reads and writes bytes below a socket: through a direct memory pointer where the target grants one (caches pass on
/// the pointers of what lies below them to those that keep time, see Attributes::keeps_time), else with transport_dbg.
class DataPath {
 public:
  using Below = tlm::tlm_fw_transport_if<>;

  explicit DataPath(Below& below) : below_(below) {}

  /// False if nothing below holds all of the range.
  bool move(tlm::tlm_command command, Addr address, unsigned char* data, unsigned length) {
    if (!reaches(address, length)) [[unlikely]]
      return move_elsewhere(command, address, data, length);
    copy(command, host_ + (address - begin_), data, length);
    return true;
  }
  /// Copies the payload's bytes, honouring byte enables and streaming width.
  bool serve(tlm::tlm_generic_payload& payload);
  /// Has the host fetch bytes that serve() will soon be asked for.
  [[gnu::always_inline]] void prefetch(Addr address) const {  // else the compiler takes it for a call without effect
    if (reaches(address, 1)) __builtin_prefetch(host_ + (address - begin_));
  }
  /// The bytes themselves, if a direct pointer reaches them; else null.
  const unsigned char* find(Addr address, unsigned length) const {
    return reaches(address, length) ? host_ + (address - begin_) : nullptr;
  }
  /// The target takes its direct pointers back.
  void forget_pointers() {
    host_ = nullptr;
    may_ask_ = true;
  }

 private:
  // Whether the direct pointer does, for one byte or more.
  bool reaches(Addr address, unsigned length) const {
    const Addr offset = address - begin_;
    return host_ != nullptr && offset <= last_ && Addr{length} - 1 <= last_ - offset;
  }
  static void copy(tlm::tlm_command command, unsigned char* host, unsigned char* data, unsigned length) {
    unsigned char* const to = command == tlm::TLM_WRITE_COMMAND ? host : data;
    const unsigned char* const from = command == tlm::TLM_WRITE_COMMAND ? data : host;
    if (length == sizeof(std::uint64_t)) {  // most often: no call
      std::memcpy(to, from, sizeof(std::uint64_t));
    } else {
      std::memcpy(to, from, length);
    }
  }
  bool move_elsewhere(tlm::tlm_command command, Addr address, unsigned char* data, unsigned length);

  unsigned char* host_ = nullptr;  // the direct pointer, if there is one: to the byte at begin_
  Addr begin_ = 0;
  Addr last_ = 0;  // the offset of the last byte it reaches
  bool may_ask_ = true;
  Below& below_;
};

}  // namespace pagoda
