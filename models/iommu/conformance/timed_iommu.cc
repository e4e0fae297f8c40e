#include "pagoda/iommu/conformance/timed_iommu.h"

#include <cstring>
#include <set>
#include <utility>

#include <tlm_utils/simple_target_socket.h>

#include "pagoda/base/error.h"
#include "pagoda/base/transaction.h"
#include "pagoda/iommu/iommu.h"

namespace pagoda {
namespace {

constexpr Ps kMemoryLatency = 50'000;
constexpr std::uint64_t kQueueBytes = 4096;
constexpr unsigned kLog2Entries = 3;

/// A section's memory behind a socket, and beside it the IOMMU's queues, where the section has nothing.
class VectorTarget : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<VectorTarget> port{"port"};
  VectorMemory* section = nullptr;
  Addr queues = 0;  ///< of the two pages of queues
  std::array<unsigned char, 2 * kQueueBytes> queue_bytes{};
  std::optional<Addr> accessed;    ///< by the device, last
  std::uint64_t reads = 0;         ///< of structures
  std::set<std::uint64_t> guests;  ///< GSCIDs of the device contexts read

  explicit VectorTarget(const sc_core::sc_module_name& name) : sc_module(name) {
    port.register_b_transport(this, &VectorTarget::b_transport);
    port.register_transport_dbg(this, &VectorTarget::debug);
  }

 private:
  bool in_queues(Addr address) const { return address - queues < queue_bytes.size(); }

  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    delay += to_sc_time(kMemoryLatency);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    Attributes* const attributes = payload.get_extension<Attributes>();
    if (attributes->origin != Origin::walk) {
      accessed = payload.get_address();
      return;
    }
    if (in_queues(payload.get_address())) {
      debug(payload);
      return;
    }
    const FaultCause refused = payload.is_write() ? write(payload) : read(payload);
    if (refused == FaultCause::none) return;
    attributes->fault.cause = refused;
    payload.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
  }

  // One read of a structure; that it is denied weighs more than that it is poisoned.
  FaultCause read(tlm::tlm_generic_payload& payload) {
    ++reads;
    FaultCause refused = FaultCause::none;
    for (unsigned at = 0; at < payload.get_data_length(); at += 8) {
      const EntryRead word = section->load(payload.get_address() + at);
      std::memcpy(payload.get_data_ptr() + at, &word.value, 8);
      if (refused != FaultCause::access_error && word.refused != FaultCause::none) refused = word.refused;
    }
    constexpr unsigned kContext = 32;  // bytes at least, and nothing else has as many; iohgatp is its second word
    if (payload.get_data_length() >= kContext) {
      std::uint64_t iohgatp = 0;
      std::memcpy(&iohgatp, payload.get_data_ptr() + 8, sizeof iohgatp);
      guests.insert(iohgatp >> 44 & 0xffff);
    }
    return refused;
  }
  // Only flags of entries and files of interrupts are written.
  FaultCause write(tlm::tlm_generic_payload& payload) {
    if (payload.get_data_length() != 8) return FaultCause::none;
    ++reads;  // of the entry, by whoever compares and swaps it
    std::uint64_t value = 0;
    std::memcpy(&value, payload.get_data_ptr(), 8);
    return section->compare_and_swap(payload.get_address(), section->load(payload.get_address()).value, value).refused;
  }

  unsigned debug(tlm::tlm_generic_payload& payload) {
    const unsigned length = payload.get_data_length();
    if (in_queues(payload.get_address())) {
      unsigned char* const bytes = &queue_bytes[payload.get_address() - queues];
      payload.is_write() ? std::memcpy(bytes, payload.get_data_ptr(), length)
                         : std::memcpy(payload.get_data_ptr(), bytes, length);
      return length;
    }
    if (payload.is_write()) return length;  // b_transport has done it
    for (unsigned at = 0; at + 8 <= length; at += 8) {
      const std::uint64_t value = section->load(payload.get_address() + at).value;
      std::memcpy(payload.get_data_ptr() + at, &value, 8);
    }
    return length;
  }
};

/// A device, and software.
struct Initiators : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Initiators> device{"device"};
  tlm_utils::simple_initiator_socket<Initiators> software{"software"};

  explicit Initiators(const sc_core::sc_module_name& name) : sc_module(name) {}
};

// Vectors expect that every base page of a NAPOT range is known by its own entry, so nothing keeps such ranges whole.
IommuConfig config_under_test() {
  IommuConfig config;
  config.capabilities.custom_formats = false;
  for (const unsigned shift : {12, 21, 30, 39, 48}) config.iotlb.page_sizes.push_back({std::uint64_t{1} << shift});
  config.walker.nested_tlb.reset();
  return config;
}

class TimedIommuUnderTest final : public IommuUnderTest {
 public:
  TimedIommuUnderTest() {
    initiators_.device.bind(iommu_.devices);
    initiators_.software.bind(iommu_.registers);
    iommu_.memory.bind(memory_.port);
    iommu_.observe([this](const IommuRequest&, const IommuAnswer& answer) { observed_ = answer; });
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }

  const char* configure(const Registers& registers) override {
    const IommuCapabilities can = registers.capabilities;
    if (registers.guest_32bit_writable && !can.sv32x4()) return "fctl.GXL is writable without Sv32x4";
    if (registers.big_endian_writable && !can.both_endians()) return "fctl.BE is writable without END";
    iommu_.reset(can);
    memory_.queues = (std::uint64_t{1} << can.physical_bits()) - 2 * kQueueBytes;
    put(iommu_register::kFctl, 4, registers.fctl);
    put(iommu_register::kDdtp, 8, registers.ddtp);
    put(iommu_register::kCqb, 8, memory_.queues >> 2 | (kLog2Entries - 1));
    put(iommu_register::kFqb, 8, (memory_.queues + kQueueBytes) >> 2 | (kLog2Entries - 1));
    put(iommu_register::kCqcsr, 4, IommuQueue::kEnable);
    put(iommu_register::kFqcsr, 4, IommuQueue::kEnable);
    settle();
    return nullptr;
  }

  Result perform(const IommuRequest& request, VectorMemory& section) override {
    memory_.section = &section;
    memory_.reads = 0;
    memory_.accessed.reset();
    observed_ = {};
    Transaction transaction;
    std::array<unsigned char, 4> data{};
    const bool asks = request.type == IommuRequestType::translation_request;
    transaction.prepare(asks                                  ? tlm::TLM_IGNORE_COMMAND
                        : request.access == AccessKind::write ? tlm::TLM_WRITE_COMMAND
                                                              : tlm::TLM_READ_COMMAND,
                        request.address, 1, data.data());
    Attributes& attributes = transaction.attributes;
    attributes.requester = request.device_id;
    attributes.has_pasid = request.has_process;
    attributes.pasid = request.process_id;
    attributes.privilege = request.supervisor ? Privilege::supervisor : Privilege::user;
    attributes.access = request.access;
    attributes.origin = Origin::dma;
    attributes.translated = request.type == IommuRequestType::translated;
    AtsMessage message;
    message.no_write = request.no_write;
    message.wants_execute = request.access == AccessKind::fetch;
    if (asks) transaction.payload.set_extension(&message);
    sc_core::sc_time delay;
    initiators_.device->b_transport(transaction.payload, delay);
    if (asks) transaction.payload.clear_extension(&message);

    Result result;
    result.answer = observed_;
    result.reads = memory_.reads;
    // An interrupt file kept in memory refuses all but MSIs, after the translation.
    const bool to_mrif = !asks && observed_.mrif;
    if (!to_mrif) take_response(transaction.payload.get_response_status(), result.answer);
    if (asks) {
      take_grant(message.granted, result.answer);
    } else if (result.answer.cause == IommuCause::none && !result.answer.mrif) {
      result.answer.address = memory_.accessed.value_or(~Addr{0});
    }
    take_record(result.answer);
    return result;
  }

  bool keeps() const override { return true; }

  void forget() override {
    constexpr std::uint64_t kIotinvalVma = 1;
    constexpr std::uint64_t kOfGuest = std::uint64_t{1} << 33;
    constexpr std::uint64_t kIotinvalGvma = 1 | 1 << 7;
    constexpr std::uint64_t kIodirInvalDdt = 3;
    constexpr std::uint64_t kFenceC = 2;
    for (const std::uint64_t guest : std::exchange(memory_.guests, {})) execute(kIotinvalVma | kOfGuest | guest << 44);
    for (const std::uint64_t command : {kIodirInvalDdt, kIotinvalVma, kIotinvalGvma, kFenceC}) execute(command);
  }

 private:
  void execute(std::uint64_t command) {
    const std::uint64_t tail = get(iommu_register::kCqt);
    std::memset(&memory_.queue_bytes[tail * kCommandBytes], 0, kCommandBytes);
    std::memcpy(&memory_.queue_bytes[tail * kCommandBytes], &command, sizeof command);
    put(iommu_register::kCqt, 4, (tail + 1) % (1u << kLog2Entries));
    settle();
    if (get(iommu_register::kCqh) != get(iommu_register::kCqt)) throw InvariantError("the IOMMU's commands hang");
  }
  static void take_response(tlm::tlm_response_status response, IommuAnswer& answer) {
    switch (response) {
      case tlm::TLM_OK_RESPONSE: answer.status = IommuStatus::success; break;
      case tlm::TLM_ADDRESS_ERROR_RESPONSE: answer.status = IommuStatus::unsupported_request; break;
      default: answer.status = IommuStatus::completer_abort; break;
    }
  }
  static void take_grant(const AtsGrant& grant, IommuAnswer& answer) {
    answer.address = grant.address;
    answer.readable = grant.readable;
    answer.writable = grant.writable;
    answer.executable = grant.executable;
    answer.untranslated_only = grant.untranslated_only;
    answer.global = grant.global;
  }

  // The record that the request has put into the fault queue, if any.
  void take_record(IommuAnswer& answer) {
    const std::uint64_t head = get(iommu_register::kFqh);
    answer.reported = head != get(iommu_register::kFqt);
    if (!answer.reported) return;
    std::array<std::uint8_t, FaultRecord::kBytes> bytes{};
    std::memcpy(bytes.data(), &memory_.queue_bytes[kQueueBytes + head * bytes.size()], bytes.size());
    const FaultRecord record = FaultRecord::decode(bytes);
    answer.cause = record.cause;
    answer.transaction_type = static_cast<std::uint8_t>(record.transaction);
    answer.iotval2 = record.iotval2;
    put(iommu_register::kFqh, 4, (head + 1) % (1u << kLog2Entries));
  }

  void put(std::uint32_t offset, unsigned bytes, std::uint64_t value) {
    access(tlm::TLM_WRITE_COMMAND, offset, bytes, value);
  }
  std::uint64_t get(std::uint32_t offset) {
    std::uint64_t value = 0;
    access(tlm::TLM_READ_COMMAND, offset, 4, value);
    return value;
  }
  void access(tlm::tlm_command command, std::uint32_t offset, unsigned bytes, std::uint64_t& value) {
    Transaction transaction;
    transaction.prepare(command, offset, bytes, reinterpret_cast<unsigned char*>(&value));
    sc_core::sc_time delay;
    initiators_.software->b_transport(transaction.payload, delay);
  }
  // Lets the IOMMU's own work come to its end.
  static void settle() { sc_core::sc_start(sc_core::sc_time(100, sc_core::SC_US)); }

  Initiators initiators_{"initiators"};
  Iommu iommu_{"iommu", config_under_test()};
  VectorTarget memory_{"memory"};
  IommuAnswer observed_;
};

}  // namespace

std::unique_ptr<IommuUnderTest> make_timed_iommu() { return std::make_unique<TimedIommuUnderTest>(); }

}  // namespace pagoda
