// `riscv-iommu vectors v1`:
//   C capabilities fctl ddtp ram_base ram_size max_devid_mask gxl_writeable be_writeable
//   D did dc_addr tc iohgatp ta fsc msiptp msi_mask msi_pattern       information
//   P did pid pc_addr ta fsc                                          information
//   Q idx(dec) did pv pid priv at acc nw iova = status cause(dec) rep ttyp iotval2 pa size pbmt msi mrif mrif_addr nid
//     atsperm nrd(dec) nup(dec) {addr old new}*
#include "pagoda/iommu/conformance/replay_riscv_iommu.h"

#include <bit>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "pagoda/iommu/iommu_debug.h"

namespace pagoda {
namespace {

constexpr std::uint64_t kMostUpdates = 100;
constexpr std::uint64_t kMostReads = 1000;
// What the file compares of iotval2.
constexpr std::uint64_t kComparedOfIotval2 = ~low_mask(kPageShift) | 3;
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kNapotPage = 65536;

/// The section's memory, as the IOMMU reaches it. Counts what the files count: structures, entries, and the entry that
/// an update reads again.
class CountingMemory final : public IommuMemory {
 public:
  explicit CountingMemory(VectorMemory& memory) : memory_(memory) {}

  FaultCause load(Addr address, std::span<std::uint64_t> words) override {
    ++reads_;
    FaultCause refused = FaultCause::none;
    for (std::uint64_t& word : words) {
      const EntryRead read = memory_.load(address);
      word = read.value;
      if (refused != FaultCause::access_error && read.refused != FaultCause::none) refused = read.refused;
      address += sizeof word;
    }
    return refused;
  }
  EntryRead read(const Step& step) override {
    if (!step.for_update) ++reads_;
    return memory_.load(step.address);
  }
  EntryUpdate update(const Step& step) override {
    ++reads_;
    return memory_.compare_and_swap(step.address, step.expected, step.desired);
  }

  std::uint64_t reads() const { return reads_; }

 private:
  VectorMemory& memory_;
  std::uint64_t reads_ = 0;
};

std::uint64_t permissions_of(const IommuAnswer& answer) {
  return (answer.readable ? 1u : 0u) | (answer.writable ? 2u : 0u) | (answer.executable ? 4u : 0u) |
         (answer.untranslated_only ? 8u : 0u) | (answer.global ? 16u : 0u) | (answer.privileged ? 32u : 0u);
}

/// What a vector expects; see the format above.
struct Expected {
  std::uint64_t status = 0, cause = 0, reported = 0, type = 0, iotval2 = 0, address = 0, size = 0, pbmt = 0, msi = 0;
  std::uint64_t mrif = 0, mrif_address = 0, notice = 0, permissions = 0, reads = 0;
  std::vector<VectorUpdate> updates;

  bool done() const { return status == 0 && cause == 0; }
};

Expected take_expected(VectorReader& reader) {
  Expected expected;
  expected.status = reader.hex("status");
  expected.cause = reader.dec("cause", 4095);
  expected.reported = reader.hex("rep");
  expected.type = reader.hex("ttyp");
  expected.iotval2 = reader.hex("iotval2");
  expected.address = reader.hex("pa");
  expected.size = reader.hex("size");
  expected.pbmt = reader.hex("pbmt");
  expected.msi = reader.hex("msi");
  expected.mrif = reader.hex("mrif");
  expected.mrif_address = reader.hex("mrif_addr");
  expected.notice = reader.hex("nid");
  expected.permissions = reader.hex("atsperm");
  expected.reads = reader.dec("nrd", kMostReads);
  expected.updates = take_updates(reader, kMostUpdates);
  return expected;
}

void compare_size(const Expected& expected, const IommuAnswer& answer, bool translates_msis, VectorVerdict& verdict) {
  const std::uint64_t own = answer.page_shift == 0 ? 0 : std::uint64_t{1} << answer.page_shift;
  const bool fragment = expected.size >= kPage && expected.size < own && std::has_single_bit(expected.size);
  if (fragment && (translates_msis || (own == kNapotPage && expected.size == kPage))) {
    verdict.depart("the reference answers with a part of a page where MSIs are translated or the page is NAPOT");
  } else if (expected.size != 0) {
    verdict.hex("size", expected.size, own);
  }
}

void compare_details(const Expected& expected, const IommuAnswer& answer, VectorVerdict& verdict) {
  verdict.hex("pbmt", expected.pbmt, pbmt_of(answer.memory_type));
  verdict.hex("msi", expected.msi, answer.msi ? 1 : 0);
  verdict.hex("mrif", expected.mrif, answer.mrif ? 1 : 0);
  if (expected.mrif_address != answer.mrif_address && expected.mrif_address == (answer.mrif_address & low_mask(47))) {
    verdict.depart("the reference cuts addresses of MRIFs to 47 bits");
  } else {
    verdict.hex("mrif_addr", expected.mrif_address, answer.mrif_address);
  }
  verdict.hex("nid", expected.notice, answer.notice_id);
  verdict.hex("atsperm", expected.permissions, permissions_of(answer));
}

void compare(const Expected& expected, const IommuAnswer& answer, bool translates_msis, VectorVerdict& verdict) {
  verdict.hex("status", expected.status, static_cast<std::uint64_t>(answer.status));
  verdict.dec("cause", expected.cause, static_cast<std::uint64_t>(answer.cause));
  verdict.hex("rep", expected.reported, answer.reported ? 1 : 0);
  if (expected.reported != 0) {
    verdict.hex("ttyp", expected.type, answer.transaction_type);
    verdict.hex("iotval2", expected.iotval2 & kComparedOfIotval2, answer.iotval2 & kComparedOfIotval2);
  }
  Addr address = expected.address;
  if (expected.done() && answer.mrif && address % kPage != 0) {
    verdict.depart("the reference adds the page offset to the address of a notice MSI");
    address -= address % kPage;
  }
  verdict.hex("pa", address, answer.cause == IommuCause::none ? answer.address : 0);
  compare_size(expected, answer, translates_msis, verdict);
  if (expected.done()) compare_details(expected, answer, verdict);
}

class RiscvIommuReplayer final : public VectorReplayer {
 public:
  explicit RiscvIommuReplayer(std::unique_ptr<IommuUnderTest> under_test) : under_test_(std::move(under_test)) {}

  void section(VectorReader& /*reader*/) override {
    configured_ = false;
    translate_msis_.clear();
  }

  bool record(std::string_view tag, VectorReader& reader, VectorMemory& memory) override {
    if (tag == "P") {
      for (const char* field : {"did", "pid", "pc_addr", "ta", "fsc"}) reader.hex(field);
      return true;
    }
    if (tag == "D") {
      const std::uint64_t device = reader.hex("did");
      for (const char* field : {"dc_addr", "tc", "iohgatp", "ta", "fsc"}) reader.hex(field);
      if (reader.hex("msiptp") >> 60 == 1) translate_msis_.insert(device);
      for (const char* field : {"msi_mask", "msi_pattern"}) reader.hex(field);
      return true;
    }
    if (tag != "C") return false;
    IommuUnderTest::Registers registers;
    registers.capabilities.value = reader.hex("capabilities");
    registers.fctl = static_cast<std::uint32_t>(reader.hex("fctl"));
    registers.ddtp = reader.hex("ddtp");
    const Addr base = reader.hex("ram_base");
    memory.set_ram(base, reader.hex("ram_size"));
    reader.hex("max_devid_mask");
    registers.guest_32bit_writable = reader.letter("gxl_writeable", "01") == '1';
    registers.big_endian_writable = reader.letter("be_writeable", "01") == '1';
    if (const char* problem = under_test_->configure(registers)) reader.refuse(problem, "what the other mode takes");
    configured_ = true;
    return true;
  }

  void request(VectorReader& reader, VectorMemory& memory, VectorVerdict& verdict) override {
    if (!configured_) reader.refuse("Q before the section's configuration is known", "a line `C ...` first");
    IommuRequest request;
    request.device_id = field(reader, "did", 24);
    request.has_process = reader.letter("pv", "01") == '1';
    request.process_id = field(reader, "pid", 20);
    request.supervisor = reader.letter("priv", "01") == '1';
    request.type = static_cast<IommuRequestType>(reader.letter("at", "012") - '0');
    const char access = reader.letter("acc", "rwx");
    request.access = access == 'r' ? AccessKind::read : access == 'w' ? AccessKind::write : AccessKind::fetch;
    request.no_write = reader.letter("nw", "01") == '1';
    request.address = reader.hex("iova");
    reader.equals_sign();
    const Expected expected = take_expected(reader);
    const bool translates_msis = translate_msis_.contains(request.device_id);

    const IommuUnderTest::Result cold = under_test_->perform(request, memory);
    compare(expected, cold.answer, translates_msis, verdict);
    if (expected.done() && (!under_test_->keeps() || cold.reads > expected.reads)) {
      verdict.dec("nrd", expected.reads, cold.reads);
    }
    verdict.updates(expected.updates, memory.updates(), true);
    if (!under_test_->keeps()) return;
    const IommuUnderTest::Result warm = under_test_->perform(request, memory);
    compare(expected, warm.answer, translates_msis, verdict);
    verdict.updates(expected.updates, memory.updates(), true);  // no more than before
    if (!memory.updates().empty()) under_test_->forget();       // what is undone now
  }

 private:
  static std::uint32_t field(VectorReader& reader, const char* what, unsigned bits) {
    const std::uint64_t value = reader.hex(what);
    if (value > low_mask(bits)) {
      reader.refuse(fmt::format("{} is too large", what), fmt::format("at most {:x}", low_mask(bits)));
    }
    return static_cast<std::uint32_t>(value);
  }

  std::unique_ptr<IommuUnderTest> under_test_;
  bool configured_ = false;
  std::set<std::uint64_t> translate_msis_;  // devices of the section
};

/// The functional process, with nothing kept.
class TranslateUnderTest final : public IommuUnderTest {
 public:
  const char* configure(const Registers& registers) override {
    setup_.capabilities = registers.capabilities;
    setup_.directory = DeviceDirectory::of(registers.ddtp);
    setup_.features.big_endian = (registers.fctl & 1) != 0;
    setup_.features.guest_32bit = (registers.fctl & 4) != 0;
    setup_.features.guest_32bit_writable = registers.guest_32bit_writable;
    setup_.features.big_endian_writable = registers.big_endian_writable;
    return nullptr;
  }
  Result perform(const IommuRequest& request, VectorMemory& memory) override {
    CountingMemory counted(memory);
    Result result;
    result.answer = translate(setup_, request, counted);
    result.reads = counted.reads();
    return result;
  }

 private:
  IommuSetup setup_;
};

}  // namespace

VectorKind riscv_iommu_kind(std::function<std::unique_ptr<IommuUnderTest>()> make) {
  return {"riscv-iommu vectors v1", "S, C, D, P, M, XR, XW, XP, Q",
          [make = std::move(make)]() -> std::unique_ptr<VectorReplayer> {
            return std::make_unique<RiscvIommuReplayer>(make());
          }};
}

std::span<const VectorKind> all_vector_kinds() {
  static const std::vector<VectorKind> kinds = [] {
    std::vector<VectorKind> all(cpu_vector_kinds().begin(), cpu_vector_kinds().end());
    all.push_back(riscv_iommu_kind([] { return std::make_unique<TranslateUnderTest>(); }));
    return all;
  }();
  return kinds;
}

}  // namespace pagoda
