// A RISC-V IOMMU's registers, queues and command decoder keep their rules whatever software and devices do.
//
// The input is a list of steps: a byte that says what, then its operands. Zeros follow where it ends.
#include <cstddef>
#include <cstdint>
#include <optional>

#include "fuzz/input.h"
#include "fuzz/require.h"
#include "pagoda/iommu/iommu_register_file.h"

namespace pagoda::fuzz {
namespace {

constexpr std::uint64_t kPas = 46;

/// Bits that may ever be 1, of each aligned word.
std::uint64_t defined_bits(std::uint32_t word) {
  constexpr std::uint64_t kPpn = low_mask(kPas - 12) << 10;
  constexpr std::uint64_t kControl = 0x30000 | 3;
  switch (word) {
    case 0: return ~std::uint64_t{0};
    case 8: return 7;
    case 16: return kPpn | 0x1f;
    case 24:
    case 40:
    case 56: return kPpn | 0x1f;
    case 32:
    case 48:
    case 64: return ~std::uint64_t{0};
    case 72: return (kControl | 0x300) << 32 | kControl | 0xf00;
    case 80: return std::uint64_t{0xf} << 32 | kControl | 0x300;
    case 600: return ~std::uint64_t{0xfff};
    case 608: return bit_range(3, 0) | bit_range(32, 12) | bit_range(63, 40);
    case 616: return bit_range(53, 7) | 1;
    case 624: return 0x0fff0fff;
    case 688: return 1;
    case 696: return bit_range(kPas - 1, 12);
    case 760: return 0xffff;
    default: break;
  }
  if (word >= 88 && word < 600) return ~std::uint64_t{0};
  if (word >= 768 && word < 1024) return word % 16 == 0 ? low_mask(kPas) & ~std::uint64_t{3} : low_mask(33);
  return 0;
}

class Software final : public IommuRegisterFile::Listener {
 public:
  explicit Software(Input& input) : input_(input), file_(options(input), *this) {}

  void run() {
    while (!input_.empty()) {
      step();
      check();
    }
  }

 private:
  static IommuRegisterFile::Options options(Input& input) {
    // ATS, END, IGS, HPM, DBG, QOSID, dma_control, Sv32x4 and MSI_FLAT come and go.
    constexpr std::uint64_t kOptional =
        bit_range(31, 25) | bit_range(22, 22) | bit_range(16, 16) | bit_range(41, 38) | bit_range(56, 56);
    std::uint64_t capabilities = 0x10 | kPas << 32 | (input.take(8) & kOptional);
    if ((capabilities >> 28 & 3) == 3) capabilities &= ~(std::uint64_t{1} << 28);
    return {.capabilities = {capabilities},
            .device_id_bits = static_cast<unsigned>(input.take(1) % 24 + 1),
            .vector_bits = static_cast<unsigned>(input.take(1) % 5),
            .event_counters = static_cast<unsigned>(input.take(1) % 31 + 1)};
  }

  void step() {
    switch (input_.take(1) % 9) {
      case 0: write_register(); break;
      case 1: fetch_command(); break;
      case 2: put_record(file_.faults(), fault_); break;
      case 3: put_record(file_.page_requests(), page_request_); break;
      case 4: settle(file_.faults(), fault_); break;
      case 5: settle(file_.page_requests(), page_request_); break;
      case 6: count(); break;
      case 7: finish(); break;
      case 8: check_records(); break;
      default: break;
    }
  }

  void write_register() {
    const auto offset = static_cast<std::uint32_t>(input_.take(2) % 4100);
    const auto bytes = static_cast<unsigned>(input_.take(1) % 10);
    const std::uint64_t value = input_.take(8);
    const bool written = file_.write(offset, bytes, value);
    require(written == file_.read(offset, bytes).has_value(), "what can be read can be written");
    require(!written || ((bytes == 4 || bytes == 8) && offset % bytes == 0 && offset + bytes <= 4096),
            "accesses are aligned and within the page");
  }

  void fetch_command() {
    const auto bytes = input_.take_array<kCommandBytes>();
    const IommuCommand command = file_.decode(bytes);
    if (!file_.commands().next()) return;
    const std::uint32_t head = file_.commands().head();
    if (std::holds_alternative<IllegalCommand>(command)) {
      file_.commands().illegal();
    } else if (const auto outcome = input_.take(1) % 8; outcome == 0) {
      file_.commands().memory_fault();
    } else if (outcome == 1) {
      file_.commands().timed_out();
    } else {
      if (const auto* fence = std::get_if<IofenceC>(&command); fence != nullptr && fence->wired_interrupt) {
        file_.commands().signal_fence();
      }
      file_.commands().advance();
      require(file_.commands().head() == (head + 1) % file_.commands().entries(), "one command at a time");
      return;
    }
    require(!file_.commands().next() && file_.commands().head() == head, "an error stops at its command");
  }

  static void put_record(RecordQueue& queue, bool& claimed) {
    if (claimed) return;
    const std::uint32_t tail = queue.tail();
    const RecordQueue::Slot slot = queue.claim();
    claimed = slot.drop == RecordQueue::Drop::none;
    require(queue.tail() == tail, "a claim is not yet a record");
    if (!claimed) return;
    require(queue.enabled() && queue.on() && (queue.csr() & 0x300) == 0, "no record with an error");
    const unsigned shift = queue.kind() == IommuQueueKind::faults ? 5 : 4;
    const Addr page = (queue.base() >> 10) << 12;
    const Addr bytes = queue.entries() << shift;
    const Addr begin = bytes > 4096 ? page / bytes * bytes : page;
    require(slot.address == begin + (Addr{tail} << shift), "a record's place is its index");
  }

  void settle(RecordQueue& queue, bool& claimed) {
    const std::uint32_t tail = queue.tail();
    if (input_.take(1) % 4 != 0) {
      queue.written();
      const std::uint32_t next = static_cast<std::uint32_t>((tail + std::uint64_t{claimed}) % queue.entries());
      require(queue.tail() == next, "a record moves the tail by one");
    } else {
      queue.refused();
      require(queue.tail() == tail, "a record that is refused moves nothing");
    }
    claimed = false;
  }

  void count() {
    const IommuEventSource source{.device_id = static_cast<std::uint32_t>(input_.take(3)),
                                  .process_id = optional(3),
                                  .gscid = optional(2),
                                  .pscid = optional(3)};
    file_.counters().count(static_cast<IommuEvent>(input_.take(1) % 8 + 1), source);
    now_ += input_.take(8) >> 1;
    file_.counters().advance_to(now_);
  }
  std::optional<std::uint32_t> optional(unsigned bytes) {
    const auto value = static_cast<std::uint32_t>(input_.take(bytes));
    return (value & 1) != 0 ? std::optional(value >> 1) : std::nullopt;
  }

  /// What the registers wait for.
  void finish() {
    const std::uint64_t what = input_.take(1);
    if ((what & 1) != 0) file_.directory_ready();
    if ((what & 2) != 0) file_.commands().switch_done();
    if ((what & 4) != 0) {
      settle(file_.faults(), fault_);
      file_.faults().switch_done();
    }
    if ((what & 8) != 0) {
      settle(file_.page_requests(), page_request_);
      file_.page_requests().switch_done();
    }
    if ((what & 16) == 0) return;
    IommuAnswer answer;
    answer.address = input_.take(8);
    answer.page_shift = static_cast<std::uint8_t>(input_.take(1));
    answer.mrif = (what & 32) != 0;
    file_.answer_translation(answer);
    require((file_.read(608, 4).value() & 1) == 0, "a translation that is answered is over");
  }

  void check_records() {
    const auto fault = FaultRecord::decode(input_.take_array<FaultRecord::kBytes>());
    require(FaultRecord::decode(fault.encode()).encode() == fault.encode(), "a fault reads back as written");
    const auto request = PageRequestRecord::decode(input_.take_array<PageRequestRecord::kBytes>());
    require(PageRequestRecord::decode(request.encode()).encode() == request.encode(), "and so does a page request");
  }

  std::uint64_t reg(std::uint32_t offset, unsigned bytes) const { return file_.read(offset, bytes).value(); }

  void check() const {
    for (std::uint32_t word = 0; word < 1040; word += 8) {
      const std::uint64_t value = reg(word + 4, 4) << 32 | reg(word, 4);
      require((value & ~defined_bits(word)) == 0, "no reserved bit is 1");
      const auto whole = file_.read(word, 8);
      require(!whole || *whole == value, "two halves make a whole");
    }
    for (const std::uint32_t base : {24u, 40u, 56u}) {
      const std::uint64_t entries = std::uint64_t{2} << (reg(base, 4) & 0x1f);
      require(reg(base + 8, 4) < entries && reg(base + 12, 4) < entries, "indices are within their queue");
    }
    std::uint64_t overflows = reg(100, 4) >> 31;
    for (unsigned i = 1; i <= 31; ++i) overflows |= (reg(352 + 8 * (i - 1) + 4, 4) >> 31) << i;
    require(reg(88, 4) == ((reg(0, 8) >> 30 & 1) != 0 ? overflows : 0), "iocountovf shows the OF bits");
    for (const auto& [csr, cause, flags] :
         {std::array<std::uint32_t, 3>{72, 0, 0xf00}, {76, 1, 0x300}, {80, 3, 0x300}}) {
      const bool condition = (reg(csr, 4) & 2) != 0 && (reg(csr, 4) & flags) != 0;
      require(!condition || (reg(84, 4) >> cause & 1) != 0, "an error is pending");
    }
    std::uint32_t levels = 0;
    for (unsigned cause = 0; cause < 4; ++cause) {
      if ((reg(84, 4) >> cause & 1) != 0) levels |= 1u << (reg(760, 4) >> 4 * cause & 0xf);
    }
    require(wires_ == ((reg(8, 4) & 2) != 0 ? levels : 0), "a wire is high while a cause of it is pending");
  }

  void interrupt(const InterruptRequest& request) override {
    if (request.wired) {
      require((wires_ >> request.vector & 1) != (request.level ? 1u : 0u), "a wire changes");
      wires_ ^= 1u << request.vector;
      return;
    }
    require((reg(8, 4) & 2) == 0, "no messages with wires");
    const std::uint32_t entry = 768 + 16 * request.vector;
    require(request.address == reg(entry, 8) && request.data == reg(entry + 8, 4), "a message is its entry's");
    require(reg(entry + 12, 4) == 0, "no message while its vector is masked");
  }
  void directory_written(IommuMode /*before*/) override {
    require((reg(16, 4) & 0x10) != 0, "busy until told otherwise");
  }
  void queue_switched(IommuQueue& queue) override {
    require((queue.csr() & IommuQueue::kBusy) != 0 && queue.on() != queue.enabled(), "busy until told otherwise");
  }
  void commands_waiting() override { require(file_.commands().next().has_value(), "there is a command"); }
  void translation_requested() override { require((reg(608, 4) & 1) != 0, "busy until told otherwise"); }
  void dma_control_written() override { require((reg(0, 8) >> 56 & 1) != 0, "only where it is"); }

  Input& input_;
  IommuRegisterFile file_;
  std::uint64_t now_ = 0;
  bool fault_ = false;  // claimed, and not yet settled
  bool page_request_ = false;
  std::uint32_t wires_ = 0;
};

}  // namespace
}  // namespace pagoda::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pagoda::fuzz::Input input({data, size});
  pagoda::fuzz::Software(input).run();
  return 0;
}
