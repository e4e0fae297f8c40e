// `x86-64 vectors v1`:
//   S n(dec) levels(dec, 4 or 5)
//   Q idx(dec) cr3 flags cpl(dec) acc va = vector(dec) errcode pa nup(dec) {addr old new}*
#include "pagoda/paging/conformance/replay.h"
#include "pagoda/paging/fault_encoding.h"
#include "pagoda/paging/page_format.h"
#include "pagoda/paging/walk.h"

namespace pagoda {
namespace {

constexpr std::uint8_t kPhysicalBits = 40;
constexpr std::uint64_t kLongestUpdateList = 5;

enum X86Flags : std::uint64_t { kWp = 1, kSmep = 2, kSmap = 4, kNxe = 8, kAc = 16, kAllX86Flags = 31 };

class X86Replayer : public VectorReplayer {
 public:
  explicit X86Replayer(std::unique_ptr<CpuUnderTest> cpu) : cpu_(std::move(cpu)) {}

  void section(VectorReader& reader) override {
    format_ = find_page_format(reader.letter("levels", "45") == '4' ? "x86-64-4" : "x86-64-5");
  }

  void request(VectorReader& reader, VectorMemory& memory, VectorVerdict& verdict) override {
    Stage stage{.format = format_};
    stage.controls.physical_bits = kPhysicalBits;
    stage.root = reader.hex("cr3") & format_->address_mask;
    const std::uint64_t flags = reader.hex("flags");
    if (flags > kAllX86Flags) reader.refuse("flags has unknown bits", "bits 4:0");
    stage.controls.x86.wp = (flags & kWp) != 0;
    stage.controls.x86.smep = (flags & kSmep) != 0;
    stage.controls.x86.smap = (flags & kSmap) != 0;
    stage.controls.x86.nxe = (flags & kNxe) != 0;
    WalkRequest request;
    request.allow_user_data = (flags & kAc) != 0;
    request.privilege = reader.dec("cpl", 3) == 3 ? Privilege::user : Privilege::supervisor;
    const char access = reader.letter("acc", "rwx");
    request.access = access == 'r' ? AccessKind::read : access == 'w' ? AccessKind::write : AccessKind::fetch;
    request.address = reader.hex("va");
    reader.equals_sign();
    compare(reader, memory, verdict, stage, request);
  }

 private:
  void compare(VectorReader& reader, VectorMemory& memory, VectorVerdict& verdict, const Stage& stage,
               const WalkRequest& request) {
    const std::uint64_t vector = reader.dec("vector", 31);
    const std::uint64_t error_code = reader.hex("errcode");
    const std::uint64_t pa = reader.hex("pa");
    const std::vector<VectorUpdate> updates = take_updates(reader, kLongestUpdateList);

    const CpuTranslation got = cpu_->translate({&stage, 1}, request, memory);
    const X86Exception exception = x86_exception(got.fault, stage.controls.x86);
    verdict.dec("vector", vector, exception.vector);
    verdict.hex("errcode", error_code, exception.error_code);
    verdict.hex("pa", pa, got.output);
    verdict.updates(updates, memory.updates(), updates.size() < kLongestUpdateList);
  }

  std::unique_ptr<CpuUnderTest> cpu_;
  const PageFormat* format_ = nullptr;
};

}  // namespace

std::unique_ptr<VectorReplayer> make_x86_64_replayer(std::unique_ptr<CpuUnderTest> cpu) {
  return std::make_unique<X86Replayer>(std::move(cpu));
}

}  // namespace pagoda
