// `riscv-mmu vectors v1`:
//   S n(dec) isa
//   R ram_base ram_size
//   Q idx(dec) virt priv acc flags satp hgatp va = cause(dec) pa tval tval2 implicit nrd(dec) nup(dec) {addr old new}*
#include "pagoda/paging/conformance/replay.h"
#include "pagoda/paging/fault_encoding.h"
#include "pagoda/paging/page_format.h"
#include "pagoda/paging/walk.h"

namespace pagoda {
namespace {

// An update per entry of both stages and a D after each A, at most.
constexpr std::uint64_t kMostUpdates = 100;
constexpr std::uint64_t kMostReads = 1000;

enum RiscvFlags : std::uint64_t {
  kSum = 1,
  kMxr = 2,
  kVsMxr = 4,
  kMachineAdue = 8,
  kMachinePbmte = 16,
  kHypervisorAdue = 32,
  kHypervisorPbmte = 64,
  kHlvx = 128,
  kAllRiscvFlags = 255
};

struct Isa {
  bool svnapot = false;
  bool svpbmt = false;
  bool svadu = false;
  bool svrsw60t59b = false;
  bool h = false;
};

Isa parse_isa(std::string_view text) {
  const auto implements = [&](std::string_view extension) {
    for (std::size_t at = text.find('_'); at != std::string_view::npos; at = text.find('_', at + 1)) {
      if (text.substr(at + 1, text.find('_', at + 1) - at - 1) == extension) return true;
    }
    return false;
  };
  const std::string_view letters = text.substr(0, text.find('_'));
  return {.svnapot = implements("svnapot"),
          .svpbmt = implements("svpbmt"),
          .svadu = implements("svadu"),
          .svrsw60t59b = implements("svrsw60t59b"),
          .h = letters.substr(4).find('h') != std::string_view::npos || implements("h")};
}

// satp, vsatp or hgatp: MODE in 63:60, PPN in 43:0.
void set_root(VectorReader& reader, std::string_view what, std::uint64_t atp, bool guest, Stage& stage) {
  const std::uint64_t mode = atp >> 60;
  if (mode == 0) return;
  if (mode < 8 || mode > 10) {
    reader.refuse(std::string(what) + " has an unknown MODE", "0 (Bare), 8 (Sv39), 9 (Sv48), 10 (Sv57)");
  }
  constexpr std::array<std::array<std::string_view, 3>, 2> kNames{
      {{"sv39", "sv48", "sv57"}, {"sv39x4", "sv48x4", "sv57x4"}}};
  stage.format = find_page_format(kNames.at(guest ? 1 : 0).at(mode - 8));
  // The lowest two bits of hgatp.PPN are zero: the root is 16 KiB large and aligned to that.
  const std::uint64_t page = atp & low_mask(44) & ~(guest ? 3ULL : 0ULL);
  stage.root = page << kPageShift;
}

class RiscvMmuReplayer : public VectorReplayer {
 public:
  explicit RiscvMmuReplayer(std::unique_ptr<CpuUnderTest> cpu) : cpu_(std::move(cpu)) {}

  void section(VectorReader& reader) override {
    const std::string_view isa = reader.word("isa");
    if (!isa.starts_with("rv64")) reader.refuse("isa is not a 64-bit one", "rv64..., extensions separated by _");
    isa_ = parse_isa(isa);
  }

  bool record(std::string_view tag, VectorReader& reader, VectorMemory& memory) override {
    if (tag != "R") return false;
    const Addr base = reader.hex("ram_base");
    memory.set_ram(base, reader.hex("ram_size"));
    return true;
  }

  void request(VectorReader& reader, VectorMemory& memory, VectorVerdict& verdict) override {
    if (!memory.has_ram()) reader.refuse("Q before the section's RAM is known", "a line `R ram_base ram_size` first");
    const bool guest = reader.letter("virt", "01") == '1';
    if (guest && !isa_.h) reader.refuse("virt is 1 but the section's isa lacks h", "virt 0");
    WalkRequest request;
    request.privilege = reader.letter("priv", "01") == '1' ? Privilege::supervisor : Privilege::user;
    const char access = reader.letter("acc", "rwx");
    request.access = access == 'r' ? AccessKind::read : access == 'w' ? AccessKind::write : AccessKind::fetch;
    const std::uint64_t flags = reader.hex("flags");
    if (flags > kAllRiscvFlags) reader.refuse("flags has unknown bits", "bits 7:0");
    request.execute_to_read = (flags & kHlvx) != 0;
    std::array<Stage, 2> stages = controls(flags, guest);
    set_root(reader, "satp", reader.hex("satp"), false, stages[0]);
    const std::uint64_t hgatp = reader.hex("hgatp");
    if (guest) set_root(reader, "hgatp", hgatp, true, stages[1]);
    request.address = reader.hex("va");
    reader.equals_sign();
    const Expected expected = take_expected(reader);

    const std::span<Stage> used = std::span(stages).first(guest ? 2 : 1);
    verdict = compare(expected, memory, used, request);
    if (verdict.agrees() || (flags & (kSum | kMxr | kVsMxr)) == 0) return;
    // The reference of some files ran with mstatus.SUM and MXR stuck at zero, whatever the flags say.
    memory.undo();
    for (Stage& stage : used) stage.controls.riscv.sum = stage.controls.riscv.mxr = false;
    VectorVerdict without = compare(expected, memory, used, request);
    if (!without.agrees()) return;
    without.depart("the reference ran without SUM and MXR");
    verdict = without;
  }

 private:
  // The enable bits of menvcfg are read-only zero without their extension, and gate those of henvcfg.
  std::array<Stage, 2> controls(std::uint64_t flags, bool guest) const {
    const bool adue = isa_.svadu && (flags & kMachineAdue) != 0;
    const bool pbmte = isa_.svpbmt && (flags & kMachinePbmte) != 0;
    std::array<Stage, 2> stages{};
    for (Stage& stage : stages) {
      stage.controls.riscv = {.svnapot = isa_.svnapot,
                              .svrsw60t59b = isa_.svrsw60t59b,
                              .pbmte = pbmte,
                              .adue = adue,
                              .sum = (flags & kSum) != 0,
                              .mxr = (flags & kMxr) != 0};
    }
    if (guest) {
      RiscvControls& first = stages[0].controls.riscv;
      first.pbmte = pbmte && (flags & kHypervisorPbmte) != 0;
      first.adue = adue && (flags & kHypervisorAdue) != 0;
      first.mxr = first.mxr || (flags & kVsMxr) != 0;
    }
    return stages;
  }

  struct Expected {
    std::uint64_t cause, pa, tval, tval2, implicit, reads;
    std::vector<VectorUpdate> updates;
  };

  static Expected take_expected(VectorReader& reader) {
    Expected expected;
    expected.cause = reader.dec("cause", 63);
    expected.pa = reader.hex("pa");
    expected.tval = reader.hex("tval");
    expected.tval2 = reader.hex("tval2");
    expected.implicit = reader.hex("implicit");
    expected.reads = reader.dec("nrd", kMostReads);
    expected.updates = take_updates(reader, kMostUpdates);
    return expected;
  }

  VectorVerdict compare(const Expected& expected, VectorMemory& memory, std::span<const Stage> stages,
                        const WalkRequest& request) {
    const CpuTranslation got = cpu_->translate(stages, request, memory);
    const RiscvTrap trap = riscv_trap(got.fault);
    VectorVerdict verdict;
    verdict.dec("cause", expected.cause, trap.cause);
    verdict.hex("pa", expected.pa, got.output);
    verdict.hex("tval", expected.tval, trap.tval);
    verdict.hex("tval2", expected.tval2, trap.tval2);
    verdict.hex("implicit", expected.implicit, trap.tinst);
    if (got.done && expected.cause == 0 && expected.reads != got.reads) {
      if (reference_may_count(expected.reads, got.reads, memory, stages)) {
        verdict.depart("the reference counted an entry that is read again once");
      } else {
        verdict.dec("nrd", expected.reads, got.reads);
      }
    }
    verdict.updates(expected.updates, memory.updates(), true);
    return verdict;
  }

  // A two-stage walk reads entries of the second stage again for each table of the first. The reference of some files
  // counts most of those once, and the reads it makes to get write permission for an update.
  static bool reference_may_count(std::uint64_t reads, std::uint64_t made, const VectorMemory& memory,
                                  std::span<const Stage> stages) {
    const bool nested = stages.size() == 2 && stages[0].format != nullptr && stages[1].format != nullptr;
    if (!nested) return false;
    const std::uint64_t for_updates = memory.updates().size() * stages[1].format->levels;
    return reads >= memory.entries_read() && reads <= made + for_updates;
  }

  std::unique_ptr<CpuUnderTest> cpu_;
  Isa isa_;
};

}  // namespace

std::unique_ptr<VectorReplayer> make_riscv_mmu_replayer(std::unique_ptr<CpuUnderTest> cpu) {
  return std::make_unique<RiscvMmuReplayer>(std::move(cpu));
}

}  // namespace pagoda
