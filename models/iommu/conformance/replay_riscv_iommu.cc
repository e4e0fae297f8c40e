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
#include "pagoda/iommu/iommu_translator.h"

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

class RiscvIommuReplayer final : public VectorReplayer {
 public:
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
    setup_.capabilities.value = reader.hex("capabilities");
    const std::uint64_t fctl = reader.hex("fctl");
    setup_.directory = DeviceDirectory::of(reader.hex("ddtp"));
    const Addr base = reader.hex("ram_base");
    memory.set_ram(base, reader.hex("ram_size"));
    reader.hex("max_devid_mask");
    setup_.features.big_endian = (fctl & 1) != 0;
    setup_.features.guest_32bit = (fctl & 4) != 0;
    setup_.features.guest_32bit_writable = reader.letter("gxl_writeable", "01") == '1';
    setup_.features.big_endian_writable = reader.letter("be_writeable", "01") == '1';
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

    CountingMemory counted(memory);
    const IommuAnswer answer = translate(setup_, request, counted);
    compare(reader, answer, counted, memory, translate_msis_.contains(request.device_id), verdict);
  }

 private:
  static std::uint32_t field(VectorReader& reader, const char* what, unsigned bits) {
    const std::uint64_t value = reader.hex(what);
    if (value > low_mask(bits)) {
      reader.refuse(fmt::format("{} is too large", what), fmt::format("at most {:x}", low_mask(bits)));
    }
    return static_cast<std::uint32_t>(value);
  }

  static void compare(VectorReader& reader, const IommuAnswer& answer, const CountingMemory& counted,
                      const VectorMemory& memory, bool translates_msis, VectorVerdict& verdict) {
    const std::uint64_t status = reader.hex("status");
    const std::uint64_t cause = reader.dec("cause", 4095);
    const bool done = status == 0 && cause == 0;
    verdict.hex("status", status, static_cast<std::uint64_t>(answer.status));
    verdict.dec("cause", cause, static_cast<std::uint64_t>(answer.cause));
    const std::uint64_t reported = reader.hex("rep");
    verdict.hex("rep", reported, answer.reported ? 1 : 0);
    const std::uint64_t type = reader.hex("ttyp");
    if (reported != 0) verdict.hex("ttyp", type, answer.transaction_type);
    const std::uint64_t iotval2 = reader.hex("iotval2");
    if (reported != 0) verdict.hex("iotval2", iotval2 & kComparedOfIotval2, answer.iotval2 & kComparedOfIotval2);
    std::uint64_t pa = reader.hex("pa");
    if (done && answer.mrif && pa % kPage != 0) {
      verdict.depart("the reference adds the page offset to the address of a notice MSI");
      pa -= pa % kPage;
    }
    verdict.hex("pa", pa, answer.cause == IommuCause::none ? answer.address : 0);
    const std::uint64_t size = reader.hex("size");
    const std::uint64_t own_size = answer.page_shift == 0 ? 0 : std::uint64_t{1} << answer.page_shift;
    const bool fragment = size >= kPage && size < own_size && std::has_single_bit(size);
    if (fragment && (translates_msis || (own_size == kNapotPage && size == kPage))) {
      verdict.depart("the reference answers with a part of a page where MSIs are translated or the page is NAPOT");
    } else if (size != 0) {
      verdict.hex("size", size, own_size);
    }
    const auto only_if_done = [&](std::string_view field, std::uint64_t expected, std::uint64_t got) {
      if (done) verdict.hex(field, expected, got);
    };
    only_if_done("pbmt", reader.hex("pbmt"), pbmt_of(answer.memory_type));
    only_if_done("msi", reader.hex("msi"), answer.msi ? 1 : 0);
    only_if_done("mrif", reader.hex("mrif"), answer.mrif ? 1 : 0);
    const std::uint64_t mrif_address = reader.hex("mrif_addr");
    if (done && mrif_address != answer.mrif_address && mrif_address == (answer.mrif_address & low_mask(47))) {
      verdict.depart("the reference cuts addresses of MRIFs to 47 bits");
    } else {
      only_if_done("mrif_addr", mrif_address, answer.mrif_address);
    }
    only_if_done("nid", reader.hex("nid"), answer.notice_id);
    only_if_done("atsperm", reader.hex("atsperm"), permissions_of(answer));
    const std::uint64_t reads = reader.dec("nrd", kMostReads);
    if (done) verdict.dec("nrd", reads, counted.reads());
    verdict.updates(take_updates(reader, kMostUpdates), memory.updates(), true);
  }

  bool configured_ = false;
  IommuSetup setup_;
  std::set<std::uint64_t> translate_msis_;  // devices of the section
};

}  // namespace

std::span<const VectorKind> all_vector_kinds() {
  static const std::vector<VectorKind> kinds = [] {
    std::vector<VectorKind> all(cpu_vector_kinds().begin(), cpu_vector_kinds().end());
    all.push_back({"riscv-iommu vectors v1", "S, C, D, P, M, XR, XW, XP, Q",
                   []() -> std::unique_ptr<VectorReplayer> { return std::make_unique<RiscvIommuReplayer>(); }});
    return all;
  }();
  return kinds;
}

}  // namespace pagoda
