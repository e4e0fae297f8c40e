// Where the fields of fault and page-request records are.
// RISC-V IOMMU Architecture Specification 1.0, "Fault/Event-Queue (FQ)", "Page-Request-Queue (PQ)".
#include "pagoda/iommu/iommu_records.h"

#include <gtest/gtest.h>

namespace pagoda::iommu_records_test {

constexpr std::uint64_t bit(unsigned index) { return std::uint64_t{1} << index; }

TEST(FaultRecord, HasItsFieldsInPlace) {
  const FaultRecord record{.cause = IommuCause::page_table_corrupt,
                           .transaction = IommuTransaction::message,
                           .device_id = 0x123456,
                           .process_id = 0xabcde,
                           .has_process = true,
                           .supervisor = true,
                           .iotval = 0x1122334455667788,
                           .iotval2 = 0x99aabbccddeeff00};
  const auto words = to_words(record.encode(), std::endian::little);
  EXPECT_EQ(words[0], 274 | 0xabcdeull << 12 | bit(32) | bit(33) | 9ull << 34 | 0x123456ull << 40);
  EXPECT_EQ(words[1], 0u) << "custom and reserved";
  EXPECT_EQ(words[2], 0x1122334455667788u);
  EXPECT_EQ(words[3], 0x99aabbccddeeff00u);
}

TEST(FaultRecord, BytesOfEachWordAreInTheConfiguredOrder) {
  const FaultRecord record{.iotval = 0x1122334455667788};
  EXPECT_EQ(record.encode()[16], 0x88);
  EXPECT_EQ(record.encode()[23], 0x11);
  EXPECT_EQ(record.encode(std::endian::big)[16], 0x11);
  EXPECT_EQ(record.encode(std::endian::big)[23], 0x88);
}

TEST(FaultRecord, WithoutAProcessThereIsNeitherPidNorPriv) {
  const FaultRecord record{.transaction = IommuTransaction::untranslated_read, .process_id = 7, .supervisor = true};
  EXPECT_EQ(to_words(record.encode(), std::endian::little)[0], 2ull << 34);
}

TEST(FaultRecord, WithoutATransactionThereIsNoOriginator) {
  const FaultRecord record{
      .cause = IommuCause::none, .device_id = 5, .process_id = 7, .has_process = true, .supervisor = true};
  EXPECT_EQ(to_words(record.encode(), std::endian::little)[0], 0u);
}

TEST(FaultRecord, IsReadBackAsWritten) {
  const FaultRecord record{.cause = IommuCause::ddt_entry_invalid,
                           .transaction = IommuTransaction::translated_write,
                           .device_id = 0xffffff,
                           .process_id = 0xfffff,
                           .has_process = true,
                           .iotval = 1,
                           .iotval2 = 2};
  for (const auto order : {std::endian::little, std::endian::big}) {
    EXPECT_EQ(FaultRecord::decode(record.encode(order), order), record);
  }
}

TEST(FaultRecord, TellsOfATransactionsRequest) {
  const IommuRequest request{
      .device_id = 9, .process_id = 3, .has_process = true, .supervisor = true, .address = 0x1234};
  IommuAnswer answer{.cause = IommuCause::read_guest_page_fault};
  answer.transaction_type = 2;
  answer.iotval2 = 0x5001;
  const FaultRecord expected{.cause = IommuCause::read_guest_page_fault,
                             .transaction = IommuTransaction::untranslated_read,
                             .device_id = 9,
                             .process_id = 3,
                             .has_process = true,
                             .supervisor = true,
                             .iotval = 0x1234,
                             .iotval2 = 0x5001};
  EXPECT_EQ(FaultRecord::of(request, answer), expected);
}

// TTYP 9 with the message code of a PCIe page request; an IOMMU's own message: cause 273, TTYP 0, iotval its address.
TEST(FaultRecord, TellsOfMessages) {
  const PageRequestRecord request{.device_id = 4, .process_id = 8, .has_process = true};
  const auto words = to_words(FaultRecord::of(request, IommuCause::type_disallowed).encode(), std::endian::little);
  EXPECT_EQ(words[0], 260 | 8ull << 12 | bit(32) | 9ull << 34 | 4ull << 40);
  EXPECT_EQ(words[2], 4u);
  const auto own = to_words(FaultRecord::of_message(0xfee00000).encode(), std::endian::little);
  EXPECT_EQ(own[0], 273u);
  EXPECT_EQ(own[2], 0xfee00000u);
}

TEST(PageRequestRecord, HasItsFieldsInPlace) {
  const PageRequestRecord record{.device_id = 0x123456,
                                 .process_id = 0xabcde,
                                 .has_process = true,
                                 .supervisor = true,
                                 .execute = true,
                                 .read = true,
                                 .write = false,
                                 .last = true,
                                 .group = 0x1ff,
                                 .page = 0xfedcba9876543000};
  const auto words = to_words(record.encode(), std::endian::little);
  EXPECT_EQ(words[0], 0xabcdeull << 12 | bit(32) | bit(33) | bit(34) | 0x123456ull << 40);
  EXPECT_EQ(words[1], 0xfedcba9876543000 | 0x1ffull << 3 | 4 | 1);
  for (const auto order : {std::endian::little, std::endian::big}) {
    EXPECT_EQ(PageRequestRecord::decode(record.encode(order), order), record);
  }
}

TEST(PageRequestRecord, WithoutAProcessThereIsNeitherPrivNorExec) {
  const PageRequestRecord record{.process_id = 1, .supervisor = true, .execute = true, .write = true, .page = 0x1fff};
  const auto words = to_words(record.encode(), std::endian::little);
  EXPECT_EQ(words[0], 0u);
  EXPECT_EQ(words[1], 0x1000u | 2);
}

TEST(PageRequestRecord, AStopMarkerAsksForNothingAndIsTheLast) {
  EXPECT_TRUE((PageRequestRecord{.has_process = true, .last = true}).stop_marker());
  EXPECT_FALSE((PageRequestRecord{.has_process = true}).stop_marker());
  EXPECT_FALSE((PageRequestRecord{.read = true, .last = true}).stop_marker());
  EXPECT_FALSE((PageRequestRecord{.write = true, .last = true}).stop_marker());
}

}  // namespace pagoda::iommu_records_test
