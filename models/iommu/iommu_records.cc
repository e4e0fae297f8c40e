#include "pagoda/iommu/iommu_records.h"

namespace pagoda {
namespace {

// PID, PV, PRIV and DID are at the same places in both records.
constexpr unsigned kPid = 12, kPv = 32, kPriv = 33, kExec = 34, kTtyp = 34, kDid = 40;

constexpr std::uint64_t bit_if(bool set, unsigned index) { return std::uint64_t{set} << index; }

template <class Record>
std::uint64_t originator(const Record& record) {
  std::uint64_t word = (record.device_id & low_mask(24)) << kDid;
  if (!record.has_process) return word;
  word |= (record.process_id & low_mask(20)) << kPid;
  return word | bit_if(true, kPv) | bit_if(record.supervisor, kPriv);
}

template <class Record>
void set_originator(Record& record, std::uint64_t word) {
  record.device_id = static_cast<std::uint32_t>(bit_field(word, kDid + 23, kDid));
  record.process_id = static_cast<std::uint32_t>(bit_field(word, kPid + 19, kPid));
  record.has_process = bit_of(word, kPv);
  record.supervisor = bit_of(word, kPriv);
}

}  // namespace

FaultRecord FaultRecord::of(const IommuRequest& request, const IommuAnswer& answer) {
  FaultRecord record{.cause = answer.cause,
                     .transaction = static_cast<IommuTransaction>(answer.transaction_type),
                     .device_id = request.device_id,
                     .iotval = request.address,
                     .iotval2 = answer.iotval2};
  if (!request.has_process) return record;
  record.process_id = request.process_id;
  record.has_process = true;
  record.supervisor = request.supervisor;
  return record;
}

FaultRecord FaultRecord::of(const PageRequestRecord& request, IommuCause cause) {
  return {.cause = cause,
          .transaction = IommuTransaction::message,
          .device_id = request.device_id,
          .process_id = request.process_id,
          .has_process = request.has_process,
          .supervisor = request.supervisor,
          .iotval = kPageRequestMessage};
}

FaultRecord FaultRecord::of_message(Addr address) { return {.cause = kMessageWriteFault, .iotval = address}; }

std::array<std::uint8_t, FaultRecord::kBytes> FaultRecord::encode(std::endian order) const {
  std::uint64_t first = static_cast<std::uint64_t>(cause) & low_mask(12);
  if (transaction != IommuTransaction::none) {
    first |= originator(*this) | (static_cast<std::uint64_t>(transaction) & low_mask(6)) << kTtyp;
  }
  return to_bytes<4>({first, 0, iotval, iotval2}, order);
}

FaultRecord FaultRecord::decode(const std::array<std::uint8_t, kBytes>& bytes, std::endian order) {
  const auto words = to_words(bytes, order);
  FaultRecord record{.cause = static_cast<IommuCause>(bit_field(words[0], 11, 0)),
                     .transaction = static_cast<IommuTransaction>(bit_field(words[0], kTtyp + 5, kTtyp)),
                     .iotval = words[2],
                     .iotval2 = words[3]};
  set_originator(record, words[0]);
  return record;
}

std::array<std::uint8_t, PageRequestRecord::kBytes> PageRequestRecord::encode(std::endian order) const {
  const std::uint64_t first = originator(*this) | bit_if(has_process && execute, kExec);
  const std::uint64_t payload = bit_if(read, 0) | bit_if(write, 1) | bit_if(last, 2) | (group & low_mask(9)) << 3 |
                                (page & ~low_mask(kPageShift));
  return to_bytes<2>({first, payload}, order);
}

PageRequestRecord PageRequestRecord::decode(const std::array<std::uint8_t, kBytes>& bytes, std::endian order) {
  const auto words = to_words(bytes, order);
  PageRequestRecord record{.execute = bit_of(words[0], kExec),
                           .read = bit_of(words[1], 0),
                           .write = bit_of(words[1], 1),
                           .last = bit_of(words[1], 2),
                           .group = static_cast<std::uint16_t>(bit_field(words[1], 11, 3)),
                           .page = words[1] & ~low_mask(kPageShift)};
  set_originator(record, words[0]);
  return record;
}

}  // namespace pagoda
