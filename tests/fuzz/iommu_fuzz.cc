// An IOMMU whose software writes any registers and commands, and whose devices ask for anything, keeps its time and its
// promises: it answers, lets nothing past while it is off, and its commands come to an end or stop with an error.
//
// The input is a list of steps: a byte that says what, then its operands. Zeros follow where it ends. Memory is small,
// so that addresses meet tables, queues, and the end of memory. One simulation serves all inputs; each begins with a
// reset.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include "fuzz/input.h"
#include "fuzz/require.h"
#include "pagoda/base/transaction.h"
#include "pagoda/iommu/iommu.h"
#include "pagoda/memory/fixed_memory.h"

namespace pagoda::fuzz {
namespace {

constexpr std::uint64_t kMemoryBytes = 1 << 17;
constexpr Ps kLatency = 50'000;

/// Software, devices, and what lies between the IOMMU and memory.
struct Outside : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Outside> registers{"registers"};
  tlm_utils::simple_initiator_socket<Outside> device{"device"};
  tlm_utils::simple_target_socket<Outside> messages{"messages"};
  tlm_utils::simple_target_socket<Outside> above_memory{"above_memory"};
  tlm_utils::simple_initiator_socket<Outside> memory{"memory"};
  std::uint64_t let_through = 0;  // accesses of devices
  std::uint64_t carried_out = 0;  // of these, by memory, which refuses those beyond its end
  unsigned answers = 0;           // how devices answer messages

  explicit Outside(const sc_core::sc_module_name& name) : sc_module(name) {
    messages.register_b_transport(this, &Outside::receive);
    above_memory.register_b_transport(this, &Outside::pass);
    above_memory.register_transport_dbg(this, &Outside::debug);
  }

 private:
  void receive(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    constexpr std::array kAnswers{tlm::TLM_OK_RESPONSE, tlm::TLM_INCOMPLETE_RESPONSE, tlm::TLM_ADDRESS_ERROR_RESPONSE};
    delay += to_sc_time(answers * kLatency);
    payload.set_response_status(kAnswers[answers % kAnswers.size()]);
  }
  void pass(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    const bool of_device = payload.get_extension<Attributes>()->origin == Origin::dma;
    let_through += of_device ? 1 : 0;
    memory->b_transport(payload, delay);
    carried_out += of_device && payload.is_response_ok() ? 1 : 0;
  }
  unsigned debug(tlm::tlm_generic_payload& payload) { return memory->transport_dbg(payload); }
};

class Simulation {
 public:
  Simulation() {
    outside_.registers.bind(iommu_.registers);
    outside_.device.bind(iommu_.devices);
    iommu_.to_devices.bind(outside_.messages);
    iommu_.memory.bind(outside_.above_memory);
    outside_.memory.bind(memory_.port);
    run(0);
  }

  void play(Input input) {
    // Whatever the input before has left behind comes to its end first.
    iommu_.reset(IommuCapabilitiesConfig{}.capabilities());
    run(kMillisecond);
    std::memset(bytes_.data(0), 0, kMemoryBytes);
    tail_ = 0;
    while (!input.empty()) step(input);
    finish();
  }

 private:
  static IommuConfig config() {
    IommuConfig config;
    config.requests = 2;
    config.walker.slots = 1;
    config.iotlb.entries = 8;
    config.ats_timeout = Duration{5'000'000};
    return config;
  }

  void step(Input& input) {
    switch (input.take(1) % 8) {
      case 0: write_register(input); break;
      case 1: start_up(input); break;
      case 2: submit(input); break;
      case 3: access(input); break;
      case 4: send(input); break;
      case 5: bytes_.write64(input.take(2) * 8 % kMemoryBytes, input.take(8)); break;
      case 6: run(input.take(3)); break;
      case 7: outside_.answers = static_cast<unsigned>(input.take(1)); break;
      default: break;
    }
  }

  static void run(Ps time) { sc_core::sc_start(to_sc_time(time)); }

  std::uint64_t reach(tlm::tlm_command command, std::uint32_t offset, unsigned length, std::uint64_t value, Ps ahead) {
    Transaction transaction;
    transaction.prepare(command, offset, length, reinterpret_cast<unsigned char*>(&value));
    sc_core::sc_time delay = to_sc_time(ahead);
    outside_.registers->b_transport(transaction.payload, delay);
    require(delay.value() == ahead + transaction.attributes.time.total(), "a register's time is accounted for");
    require(transaction.payload.get_response_status() != tlm::TLM_INCOMPLETE_RESPONSE, "registers answer");
    return value;
  }
  void put(std::uint32_t offset, unsigned length, std::uint64_t value) {
    reach(tlm::TLM_WRITE_COMMAND, offset, length, value, 0);
  }
  std::uint64_t get(std::uint32_t offset, unsigned length) {
    return reach(tlm::TLM_READ_COMMAND, offset, length, 0, 0) & low_mask(8 * length);
  }

  void write_register(Input& input) {
    const auto offset = static_cast<std::uint32_t>(input.take(2) % 1100);
    const auto length = static_cast<unsigned>(input.take(1) % 9);
    const std::uint64_t value = input.take(8);
    reach(tlm::TLM_WRITE_COMMAND, offset, length, value, input.take(2));
  }

  // What software has to do before anything of interest happens.
  void start_up(Input& input) {
    using namespace iommu_register;
    const auto page = [&input] { return input.take(1) % (kMemoryBytes >> 12) << 10; };
    put(kDdtp, 8, page() | input.take(1) % 5);
    for (const std::uint32_t base : {kCqb, kFqb, kPqb}) put(base, 8, page() | input.take(1) % 8);
    for (const std::uint32_t csr : {kCqcsr, kFqcsr, kPqcsr}) put(csr, 4, 3);
    run(kMicrosecond);
  }

  void submit(Input& input) {
    using namespace iommu_register;
    const std::uint64_t base = get(kCqb, 8);
    const std::uint64_t entries = std::uint64_t{2} << (base & 0x1f);
    tail_ = get(kCqt, 4);
    const Addr at = (base >> 10 << 12) + tail_ * kCommandBytes;
    const std::uint64_t low = input.take(8), high = input.take(8);
    if (bytes_.contains(at, kCommandBytes)) {
      bytes_.write64(at, low);
      bytes_.write64(at + 8, high);
    }
    tail_ = (tail_ + 1) % entries;
    put(kCqt, 4, tail_);
  }

  void describe(Input& input, Attributes& attributes) {
    const std::uint64_t what = input.take(1);
    attributes.requester = static_cast<std::uint32_t>(input.take(1));
    attributes.has_pasid = (what & 1) != 0;
    attributes.pasid = static_cast<std::uint32_t>(what >> 4);
    attributes.privilege = (what & 2) != 0 ? Privilege::supervisor : Privilege::user;
    attributes.translated = (what & 4) != 0;
    attributes.access = (what & 8) != 0 ? AccessKind::fetch : AccessKind::read;
    attributes.origin = Origin::dma;
  }

  void transport(Transaction& transaction, Ps ahead) {
    sc_core::sc_time delay = to_sc_time(ahead);
    const Addr address = transaction.payload.get_address();
    const bool off = (get(iommu_register::kDdtp, 4) & 0xf) == 0;
    const std::uint64_t before = outside_.let_through, done_before = outside_.carried_out;
    outside_.device->b_transport(transaction.payload, delay);
    require(transaction.payload.get_address() == address, "a payload keeps its address");
    require(transaction.payload.get_response_status() != tlm::TLM_INCOMPLETE_RESPONSE, "a request is answered");
    require(delay.value() == ahead + transaction.attributes.time.total(), "a request's time is accounted for");
    require(!off || outside_.let_through == before, "nothing gets past an IOMMU that is off");
    // Of two pages, memory may have one and not the other.
    require(transaction.payload.is_response_ok() || outside_.carried_out - done_before <= 1,
            "of what is refused, nothing is carried out");
  }

  void access(Input& input) {
    std::array<unsigned char, 4096> data{};
    Transaction transaction;
    const std::uint64_t what = input.take(1);
    const Addr address = input.take(1 + what % 8);
    const auto length = static_cast<unsigned>((what & 0x80) != 0 ? 4 : input.take(2) % data.size());
    transaction.prepare((what & 0x40) != 0 ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND, address, length,
                        (what & 0x20) != 0 ? nullptr : data.data());
    describe(input, transaction.attributes);
    transport(transaction, input.take(2));
  }

  void send(Input& input) {
    Transaction transaction;
    AtsMessage message;
    const std::uint64_t what = input.take(2);
    message.kind = static_cast<AtsKind>(what & 3);
    message.no_write = message.wants_read = (what & 4) != 0;
    message.wants_execute = (what & 8) != 0;
    message.wants_write = (what & 16) != 0;
    message.last = (what & 32) != 0;
    message.group = static_cast<std::uint16_t>(what >> 6 & 0x1ff);
    transaction.prepare(tlm::TLM_IGNORE_COMMAND, input.take(4), 0, nullptr);
    describe(input, transaction.attributes);
    transaction.payload.set_extension(&message);
    transport(transaction, input.take(2));
    transaction.payload.clear_extension(&message);
    const AtsGrant& grant = message.granted;
    require(grant.page_shift < 64, "a grant is of a page");
    require(grant.readable || !grant.executable, "PCIe knows no execute permission without read permission");
  }

  // In the end no command waits, unless an error has stopped the queue.
  void finish() {
    using namespace iommu_register;
    constexpr std::uint32_t kErrors = IommuQueue::kMemoryFault | CommandQueue::kTimedOut | CommandQueue::kIllegal;
    for (int turn = 0; turn < 2; ++turn) run(kMillisecond);
    const auto csr = static_cast<std::uint32_t>(get(kCqcsr, 4));
    require((csr & IommuQueue::kBusy) == 0 && (get(kFqcsr, 4) & IommuQueue::kBusy) == 0 &&
                (get(kPqcsr, 4) & IommuQueue::kBusy) == 0,
            "queues are on or off in the end");
    require((get(kDdtp, 4) & 0x10) == 0, "and so is the directory");
    require((get(kTrReqCtl, 4) & 1) == 0, "a debug translation is answered");
    const bool long_queue = (get(kCqb, 4) & 0x1f) > 8;  // takes its time
    require((csr & IommuQueue::kOn) == 0 || (csr & kErrors) != 0 || long_queue || get(kCqh, 4) == get(kCqt, 4),
            "commands come to an end");
  }

  PhysicalMemory bytes_{{kMemoryBytes}};
  Outside outside_{"outside"};
  FixedMemory memory_{"memory", {.latency = Latency::time(kLatency)}, bytes_};
  Iommu iommu_{"iommu", config()};
  std::uint64_t tail_ = 0;
};

}  // namespace
}  // namespace pagoda::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Never destroyed: SystemC's modules outlive main().
  static auto* const simulation = new pagoda::fuzz::Simulation;
  simulation->play(pagoda::fuzz::Input({data, size}));
  return 0;
}
