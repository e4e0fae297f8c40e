// Replays a conformance vector file: every request is translated anew and compared with what the file says.
//
// The driver here knows sections, memory and denied words; what a request means, a VectorReplayer of the file's kind
// knows. The caller passes the kinds it supports, so that other parts (an IOMMU) add theirs:
//
//   ReplaySummary done = replay_vectors(stream, "file.txt", cpu_vector_kinds(), [](const std::string& line) { ... });
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pagoda/paging/conformance/vector_file.h"
#include "pagoda/paging/walk.h"

namespace pagoda {

struct ReplaySummary {
  std::uint64_t passed = 0;
  std::uint64_t failed = 0;
  /// Of those passed, the ones that agree only with a known departure of the reference from the specification, by
  /// which.
  std::map<std::string, std::uint64_t> departures;
};

/// Gets one line for each request that differs: `file:line: Q index: field expected E got G, ...`.
using MismatchSink = std::function<void(const std::string& line)>;

/// Compares one request's results and collects what differs.
class VectorVerdict {
 public:
  void hex(std::string_view field, std::uint64_t expected, std::uint64_t got);
  void dec(std::string_view field, std::uint64_t expected, std::uint64_t got);
  /// Compares the first `compared` updates and, if there may be no more than were listed, their number.
  void updates(std::span<const VectorUpdate> expected, std::span<const VectorUpdate> got, bool list_is_complete);

  /// The result is the specification's; what is expected is explained by a known departure of the reference from it.
  void depart(std::string_view what) { departure_ = what; }

  bool agrees() const { return text_.empty(); }
  const std::string& text() const { return text_; }
  const std::string& departure() const { return departure_; }

 private:
  void add(std::string_view field, const std::string& expected, const std::string& got);
  std::string text_;
  std::string departure_;
};

/// One kind of vector file. Each function finds the reader's cursor behind the record's tag and takes all fields.
class VectorReplayer {
 public:
  VectorReplayer() = default;
  VectorReplayer(const VectorReplayer&) = delete;
  VectorReplayer& operator=(const VectorReplayer&) = delete;
  VectorReplayer(VectorReplayer&&) = delete;
  VectorReplayer& operator=(VectorReplayer&&) = delete;
  virtual ~VectorReplayer() = default;

  /// `S`: a new section; its number has been taken.
  virtual void section(VectorReader& reader) = 0;
  /// A record that is not S, M, XR, XW, XP or Q; false if the kind has none with this tag.
  virtual bool record(std::string_view tag, VectorReader& reader, VectorMemory& memory);
  /// `Q`: takes request and expected results (the index has been taken), performs the request on `memory`, compares.
  virtual void request(VectorReader& reader, VectorMemory& memory, VectorVerdict& verdict) = 0;
};

struct VectorKind {
  std::string_view name;     ///< the file's first line, without a leading `# `
  std::string_view records;  ///< its tags, for messages
  std::function<std::unique_ptr<VectorReplayer>()> make;
};

/// What became of a request of a CPU's.
struct CpuTranslation {
  bool done = false;
  Addr output = 0;          ///< if done
  Fault fault{};            ///< if not
  std::uint64_t reads = 0;  ///< of table entries, without those made only for an update
};

/// Who translates a CPU's addresses. Updates of entries go to `memory`.
class CpuUnderTest {
 public:
  virtual ~CpuUnderTest() = default;
  virtual CpuTranslation translate(std::span<const Stage> stages, const WalkRequest& request, VectorMemory& memory) = 0;
};
using MakeCpu = std::function<std::unique_ptr<CpuUnderTest>()>;

/// `riscv-mmu vectors v1` and `x86-64 vectors v1`, put to the walk itself or to what `make` makes.
std::span<const VectorKind> cpu_vector_kinds();
std::vector<VectorKind> cpu_vector_kinds(const MakeCpu& make);

/// Throws UserError if the file is of no kind, malformed or without any request.
ReplaySummary replay_vectors(std::istream& input, const std::string& name, std::span<const VectorKind> kinds,
                             const MismatchSink& mismatch);

/// Takes `nup {addr old new}*` up to the end of the line. `longest_list` is where the file stops listing.
std::vector<VectorUpdate> take_updates(VectorReader& reader, std::uint64_t longest_list);

std::unique_ptr<VectorReplayer> make_riscv_mmu_replayer(std::unique_ptr<CpuUnderTest> cpu);
std::unique_ptr<VectorReplayer> make_x86_64_replayer(std::unique_ptr<CpuUnderTest> cpu);

}  // namespace pagoda
