// The bytes of descriptors, commands and completions, against their layouts.
#include "pagoda/devices/ring_entries.h"

#include <array>

#include <gtest/gtest.h>

namespace pagoda::ring_entries_test {

TEST(NicDescriptor, HasItsFieldsWhereTheLayoutSays) {
  const std::array<unsigned char, 16> bytes{0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01,
                                            0x44, 0x33, 0x22, 0x11, 0x01, 0x03, 0x00, 0x00};
  const NicDescriptor descriptor = NicDescriptor::decode(bytes);
  EXPECT_EQ(descriptor.address, 0x0123456789abcdefu);
  EXPECT_EQ(descriptor.length, 0x11223344u);
  EXPECT_TRUE(descriptor.done);
  EXPECT_EQ(descriptor.error, DescriptorError::truncated);
  std::array<unsigned char, 16> again;
  again.fill(0xff);
  descriptor.encode(again);
  EXPECT_EQ(again, bytes);
}

// NVM Express Base Specification 1.4: command dwords 0, 6-7, 10-11 and 12.
TEST(BlockCommand, HasItsFieldsWhereNvmExpressSays) {
  std::array<unsigned char, 64> bytes{};
  const auto put32 = [&bytes](std::size_t dword, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i) bytes[dword * 4 + i] = static_cast<unsigned char>(value >> (8 * i));
  };
  put32(0, 0xbeef0002);  // identifier, opcode: read
  put32(6, 0x89abc000);
  put32(7, 0x00000012);
  put32(10, 0x76543210);
  put32(11, 0x00000001);
  put32(12, 0x0007);  // eight blocks
  const BlockCommand command = BlockCommand::decode(bytes);
  EXPECT_EQ(command.opcode, static_cast<std::uint8_t>(BlockOpcode::read));
  EXPECT_EQ(command.id, 0xbeef);
  EXPECT_EQ(command.data, 0x12'89ab'c000u);
  EXPECT_EQ(command.first_block, 0x1'7654'3210u);
  EXPECT_EQ(command.blocks(), 8u);
  std::array<unsigned char, 64> again;
  again.fill(0xff);
  command.encode(again);
  EXPECT_EQ(again, bytes);
}

// Completion dwords 2 and 3: head in 15:0; identifier in 15:0, phase in 16, status code in 24:17.
TEST(BlockCompletion, HasItsFieldsWhereNvmExpressSays) {
  std::array<unsigned char, 16> bytes;
  BlockCompletion{.submission_head = 0x1234, .id = 0xbeef, .phase = true, .status = BlockStatus::out_of_range}.encode(
      bytes);
  const auto dword = [&bytes](std::size_t index) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value |= std::uint32_t{bytes[index * 4 + i]} << (8 * i);
    return value;
  };
  EXPECT_EQ(dword(0), 0u);
  EXPECT_EQ(dword(1), 0u);
  EXPECT_EQ(dword(2), 0x1234u);
  EXPECT_EQ(dword(3), 0x80u << 17 | 1u << 16 | 0xbeef);
  const BlockCompletion again = BlockCompletion::decode(bytes);
  EXPECT_EQ(again.submission_head, 0x1234);
  EXPECT_EQ(again.id, 0xbeef);
  EXPECT_TRUE(again.phase);
  EXPECT_EQ(again.status, BlockStatus::out_of_range);
}

}  // namespace pagoda::ring_entries_test
