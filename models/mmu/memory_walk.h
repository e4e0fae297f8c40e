// Walks that are made in memory: what a host asks of a walker there, and what it is answered.
//
// Models: one transaction for a whole walk. A payload with command TLM_IGNORE_COMMAND carries this extension beside
// Attributes; its address is that of the outermost root table, by which it finds the memory that has the tables; what
// comes back is the answer's record and, if wanted and there, a line of data, which is what the payload's length says
// once the call has returned. Who does not know the extension leaves the outcome at `fallback`: the host then walks by
// itself. An invalidation takes translations out of the buffers that a walker keeps, and is answered when they are
// gone from all channels of the memory that has the root: a system with walkers in several memories
// must not move an address space between them without dropping what the first one knows. A look-up is a command of its own: a physical address as the index of a table in the array.
// Does not model: walks for several pages in one command, commands that are answered out of order by a second
// transaction.
//
// Source: what such a command does, and that only its result leaves the array, is that of US patents 10402340, 11182304
// and 11663137; the look-up that of 12277067. Their encodings are not public: sizes of records are ours.
#pragma once

#include <cstdint>

#include <tlm>

#include "pagoda/mmu/walk_job.h"

namespace pagoda {

/// How a walk in memory ends: in exactly one of these.
enum class MemoryWalkOutcome : std::uint8_t {
  result,       ///< a translation
  data,         ///< a translation, and the line of data with it
  not_present,  ///< no translation that grants the access: the fault says why
  fallback      ///< a table lies where the walker cannot reach it: the host is to walk by itself
};

/// What logic beside the array does with an entry of a table, in place.
enum class LookupOperation : std::uint8_t { read, set_bits, clear_bits, exchange, add };

struct TableLookup {
  Addr table = 0;  ///< of 8-byte entries
  std::uint64_t entries = 0;
  Addr key = 0;    ///< a physical address: entry number (key >> shift) - (first >> shift)
  Addr first = 0;  ///< the key of entry 0
  std::uint8_t shift = 12;
  LookupOperation operation = LookupOperation::read;
  std::uint64_t operand = 0;
  std::uint64_t before = 0;  ///< the answer: what the entry held
};

struct MemoryWalkCommand : tlm::tlm_extension<MemoryWalkCommand> {
  enum class Kind : std::uint8_t { walk, invalidate, lookup };

  Kind kind = Kind::walk;
  WalkJob job{};  ///< a walk; its stages outlive the call
  TlbInvalidation invalidation{};
  TableLookup lookup{};

  MemoryWalkOutcome outcome = MemoryWalkOutcome::fallback;  ///< of a walk
  WalkResult result{};

  /// Bytes of an answer's record: address with size and memory type, rights of every stage, the last table.
  static constexpr unsigned kRecordBytes = 24;

  tlm::tlm_extension_base* clone() const override { return new MemoryWalkCommand(*this); }
  void copy_from(const tlm::tlm_extension_base& other) override {
    *this = static_cast<const MemoryWalkCommand&>(other);
  }
};

/// The way to a walker in memory.
class MemoryWalks {
 public:
  virtual ~MemoryWalks() = default;
  /// `result.done`, also of a fallback, is when the answer is there. The start is left to the caller.
  virtual MemoryWalkOutcome walk(const WalkJob& job, Ps at, WalkResult& result) = 0;
  virtual Ps invalidate(const TlbInvalidation& what, std::span<const Stage> stages, Ps at) = 0;
};

}  // namespace pagoda
